"""From a learner's step to what the loop calls: which images go in, how many steps at once, on which devices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from genjax.data.dataset import LazyImages
from genjax.devices.backend import on_cpu
from genjax.devices.sharding import Layout, along, everywhere, gathered, put, state_shardings
from genjax.families.learner import Batch, Learner, Metrics, TrainState

KEPT = 1 << 30  # bytes of images up to which every device keeps all of them

Images = np.ndarray | LazyImages


class Programs(NamedTuple):
    """What is compiled. Both: (state, kept, fed) -> (state, metrics); the state that goes in is used up.

    Fed are images; or, where the devices keep all images of the set, indices into these.

    Attributes:
        single: one step.
        several: as many as `fed` has rows, as a scan; the metrics are those of the last.
    """

    single: Any
    several: Any


def make_programs(learner: Learner, layout: Layout, like: TrainState) -> Programs:
    """The step of a learner on the devices of a layout, for states like this one (arrays or shapes)."""

    def single(state: TrainState, kept: Array | None, fed: Array) -> tuple[TrainState, Metrics]:
        image = fed if kept is None else kept.at[fed].get(mode="promise_in_bounds")
        return learner.step(gathered(layout, state), {"image": image})

    def several(state: TrainState, kept: Array | None, fed: Array) -> tuple[TrainState, Metrics]:
        state, metrics = jax.lax.scan(lambda state, fed: single(state, kept, fed), state, fed)
        return state, jax.tree.map(lambda values: values[-1], metrics)

    return Programs(_compiled(single, layout, like), _compiled(several, layout, like))


def make_update(learner: Learner, layout: Layout, like: TrainState) -> Callable[[TrainState, Batch], Any]:
    """(state, batch) -> (state, metrics) on the devices of a layout, for a batch of any form on the host.

    Args:
        learner: whose step it is.
        layout: of the devices, each of which gets its share of every part of the batch.
        like: a state, or its shapes; the state that goes in is used up.
    """
    mesh = layout.mesh
    step = _compiled(lambda state, batch: learner.step(gathered(layout, state), batch), layout, like)
    if mesh is None:
        return step
    return lambda state, batch: step(
        state, {name: put(np.asarray(part), along(mesh, 0)) for name, part in batch.items()}
    )


def _compiled(step: Callable[..., Any], layout: Layout, like: TrainState) -> Any:
    options: dict[str, Any] = {"donate_argnums": 0}
    if layout.mesh is not None:
        options["out_shardings"] = (state_shardings(layout, like), everywhere(layout.mesh))
    return jax.jit(step, **options)


class Dispatch(NamedTuple):
    """How a run's steps reach its devices.

    Attributes:
        feed: indices (steps, n) of each step's images -> what `update` is fed with. It may be called in any thread.
        update: (state, fed) -> (state, metrics of the last of these steps); the state that goes in is used up.
        decodes: whether `feed` has to decode images, which takes a while.
    """

    feed: Callable[[np.ndarray], Any]
    update: Callable[[TrainState, Any], tuple[TrainState, Metrics]]
    decodes: bool


def make_dispatch(learner: Learner, images: Images, layout: Layout, like: TrainState, *, parts: int = 1) -> Dispatch:
    """How the steps of a learner are run.

    Args:
        learner: whose step it is.
        images: of the set, uint8 (N, h, w, c).
        layout: of the devices.
        like: a state, or its shapes.
        parts: into which a step's images come, each shared among the devices: critic updates, and parts of a batch.
    """
    programs = make_programs(learner, layout, like)
    kept = keep(images, layout) if keeps_images(images, layout) else None
    one_step = 1 if kept is not None else len(images.shape)
    one_step += layout.mesh is not None and parts > 1

    def fed(indices: np.ndarray) -> Any:
        return feed(images, kept, indices[0] if len(indices) == 1 else indices, layout, parts)

    def update(state: TrainState, fed: Any) -> tuple[TrainState, Metrics]:
        return (programs.single if fed.ndim == one_step else programs.several)(state, kept, fed)

    return Dispatch(fed, update, decodes=not isinstance(images, np.ndarray))


def keeps_images(images: Images, layout: Layout) -> bool:
    """Whether the devices keep the images, so that a step is fed with indices only.

    A single CPU reads them from the memory in which they are.
    """
    in_place = layout.mesh is None and on_cpu()
    return isinstance(images, np.ndarray) and images.nbytes <= KEPT and not in_place


def keep(images: Images, layout: Layout) -> Array:
    """The images on every device."""
    values = np.asarray(images)
    return jax.device_put(values) if layout.mesh is None else put(values, everywhere(layout.mesh))


def feed(images: Images, kept: Array | None, indices: np.ndarray, layout: Layout, parts: int) -> Any:
    """What a step is fed with; each process reads and sends its share.

    Args:
        images: of the set.
        kept: the same on the devices, which are then given indices; or None.
        indices: (..., n).
        layout: of the devices.
        parts: see `make_dispatch`.
    Returns:
        Images (..., n, h, w, c) or indices (..., n); with several parts (..., parts, n / parts, ...).
    """
    mesh = layout.mesh
    if mesh is not None:
        # An axis of parts, as each is shared among all devices; in one row a part would lie on some of them.
        indices = indices.reshape(*indices.shape[:-1], parts, -1) if parts > 1 else indices
        share = indices.shape[-1] // jax.process_count()
        indices = indices[..., jax.process_index() * share : (jax.process_index() + 1) * share]
    fed = indices.astype(np.int32)
    if kept is None:
        fed = images[indices.reshape(-1)].reshape(*indices.shape, *images.shape[1:])
    return fed if mesh is None else jax.make_array_from_process_local_data(along(mesh, indices.ndim - 1), fed)
