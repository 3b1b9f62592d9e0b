"""Editing an image: back towards its noise as what it is, and from there to an image of what it is to be.

The inverse ODE brings an image to the noise that makes it under its own class or text; the same noise under another one
keeps what both have in common, such as slant and stroke. Half of the way back keeps more: how much is the strength.
(Song et al. 2021, section 5.2; Meng et al. 2022, which adds noise where this goes back along the flow)
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from genjax.data.images import to_float, to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.conditions import numbers_of
from genjax.families.family import Edited
from genjax.families.flow.guidance import guided
from genjax.families.flow.learner import MEAN, NETWORK, Flow, bounded, field_of, unconditional
from genjax.families.flow.ode import Field, solve
from genjax.families.flow.options import FlowDrawing
from genjax.families.learner import Networks
from genjax.families.model import Model
from genjax.losses.flow import Process

CHUNK = 64  # images that are edited at once
SOLVER = "heun"  # unless told otherwise


class Canvases(NamedTuple):
    """The way between images and what the flow knows of them.

    Attributes:
        encode: ({network: params}, images in [-1, 1]) -> what a flow makes.
        decode: the way back.
    """

    encode: Callable[[Networks, Array], Array]
    decode: Callable[[Networks, Array], Array]


def times_from(process: Process, strength: float, steps: int) -> np.ndarray:
    """Returns the times (steps + 1,) from a share of the way to noise down to 0.

    Args:
        process: whose schedule says how far each of its steps goes: of rectified flow the share is the time itself.
        strength: share, in (0, 1]; 1 is the whole way.
        steps: number of steps, 1 or more.
    """
    rising = process.schedule(steps)[::-1]
    places = np.linspace(0, strength, steps + 1)
    return np.interp(places, np.linspace(0, 1, steps + 1), rising)[::-1]


def there_and_back(
    own: Field, wanted: Field, images: Array, times: np.ndarray, solver: str = SOLVER
) -> tuple[Array, Array]:
    """Carries images to the first of these times by their own field, and back by it and by another one.

    Args:
        own: field of what the images are.
        wanted: field of what they are to be.
        images: (n, h, w, c).
        times: (steps + 1,), falling to 0.
        solver: one of SOLVERS.
    Returns:
        Images by their own field, and by the other, (n, h, w, c) each.
    """
    noisy = solve(own, images, times[::-1], solver)
    return solve(own, noisy, times, solver), solve(wanted, noisy, times, solver)


def editor_of(model: Model, flow: Flow, ways: Canvases) -> Callable[..., Edited]:
    """Makes the function (images, own, wanted, strength, options) -> Edited of a model with a condition.

    Args:
        model: with its parameters.
        flow: its static parts.
        ways: between images and what the flow makes.
    """
    known, condition = model.params(), model.config.condition
    editor = functools.lru_cache(maxsize=8)(functools.partial(_editor, flow, ways))

    def edit(
        images: np.ndarray, own: Sequence[str] | None, wanted: Sequence[str], strength: float, options: Any
    ) -> Edited:
        chosen = options if isinstance(options, FlowDrawing) else FlowDrawing()
        solver, steps = chosen.decided(SOLVER)
        if solver == MEAN:
            raise InputError("--solver mean leaps to an image, and no leap leads back from one. Use --solver heun.")
        if own is None and not model.config.options.null_probability:
            raise InputError(
                "this model knows no image without a condition (--flow.null-probability 0). Say what the images are,"
                f" with --from-{condition.kind}."
            )
        nothing = unconditional(flow, len(images))
        given = np.asarray(nothing) if own is None else numbers_of(condition, own)
        edit_some = functools.partial(editor(chosen, solver, steps, strength), known)
        rows = (np.asarray(to_float(images)), given, numbers_of(condition, wanted))
        return Edited(*map(to_uint8, in_chunks(edit_some, *rows, chunk=CHUNK)))

    return edit


def _editor(flow: Flow, ways: Canvases, chosen: FlowDrawing, solver: str, steps: int, strength: float) -> Any:
    """Makes the compiled function (params, images, own condition, wanted condition) -> images by both."""
    times = times_from(flow.process, strength, steps)

    @jax.jit
    def edit(known: Networks, images: Array, own: Array, wanted: Array) -> tuple[Array, ...]:
        params = known[NETWORK]
        towards = field_of(flow, params, wanted)
        if chosen.guidance != 1:
            nothing = field_of(flow, params, unconditional(flow, len(images)))
            towards = guided(towards, nothing, chosen.guidance, chosen.guidance_interval)
        found = there_and_back(field_of(flow, params, own), towards, ways.encode(known, images), times, solver)
        return tuple(ways.decode(known, bounded(flow, made)) for made in found)

    return edit
