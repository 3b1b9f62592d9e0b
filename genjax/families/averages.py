"""Power-function moving averages, of which any other can be rebuilt after training. (Karras et al. 2024, section 3)

At step t, the parameters of step s weigh in proportion to s^gamma. An average's width, sigma_rel, is the deviation of
these weights as a share of t: it stays the same however long the training is. The averages of a few widths at a few
steps span, nearly, all others: the best combination follows from the inner products of their weights alone.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.errors import InputError
from genjax.families.learner import Networks, TrainState
from genjax.tree import copy

NARROWEST, WIDEST = 0.01, 0.28  # widths: at 0.2887 all steps weigh the same
CUTOFF = 1e-12  # singular values, as a share of the largest, of averages that are all but one: steps side by side


@flax.struct.dataclass
class AveragedState(TrainState):
    """The state of a learner that keeps several averages: the first in `average`, which is sampled from."""

    other_averages: dict[str, Networks]  # {width as it is named: averages of the same networks}


class Profile(NamedTuple):
    """The weights of an average over the steps so far.

    Attributes:
        step: step at which it was taken.
        gamma: exponent of its weights.
    """

    step: int
    gamma: float


class Mixture(NamedTuple):
    """A combination of kept averages that stands for another.

    Attributes:
        factors: (k,), of the kept averages; their sum is 1.
        error: distance of its weights over the steps from those that were asked for, as a share of the latter's norm.
    """

    factors: np.ndarray
    error: float


def check_width(width: float, *, option: str) -> None:
    """Raises InputError for the width of an average that cannot be kept or rebuilt; `option` is how it was typed."""
    if not NARROWEST <= width <= WIDEST:
        raise InputError(
            f"{option} {width:g}: expected {NARROWEST} to {WIDEST}, a share of the training. 0.1 is usual."
        )


def check_widths(widths: Sequence[float], *, option: str) -> None:
    """Raises InputError for widths that cannot be kept together."""
    for width in widths:
        check_width(width, option=option)
    if len({named(width) for width in widths}) < len(widths):
        raise InputError(f"{option} names {' '.join(map(named, widths))}, one of them twice. Name each width once.")


def named(width: float) -> str:
    """Returns the name of a width in states and files."""
    return f"{width:g}"


def gamma_of(width: float) -> float:
    """Returns the exponent of the average of a width: width^2 = (g + 1) / ((g + 2)^2 (g + 3))."""
    # The largest root of g^3 + 7 g^2 + (16 - width^-2) g + 12 - width^-2
    return float(np.roots([1.0, 7.0, 16.0 - width**-2, 12.0 - width**-2]).real.max())


def weight_at(gamma: float, step: Array) -> Array:
    """Returns the weight of the newest parameters in the average: 1 - beta, beta = (1 - 1/t)^(gamma + 1).

    Args:
        gamma: exponent of the average.
        step: t, 1 after the first update: whose parameters are then all of it.
    """
    # Without the 1: late in a training beta is so near to it that float32 would lose three digits.
    return -jnp.expm1((gamma + 1) * jnp.log1p(-1.0 / step))


def start_averages(state: TrainState, widths: Sequence[float]) -> TrainState:
    """Adds what a state needs to keep averages of these widths; without any it stays as it is."""
    if not widths:
        return state
    return AveragedState(**vars(state), other_averages={named(width): copy(state.average) for width in widths[1:]})


def move_averages(before: TrainState, after: TrainState, widths: Sequence[float]) -> TrainState:
    """Moves all averages by one step.

    Args:
        before: the state before the step, whose averages are moved.
        after: the state after it, whose parameters they take up.
        widths: of the averages, in the order of `start_averages`.
    """
    if not widths:
        return after
    if not isinstance(before, AveragedState) or not isinstance(after, AveragedState):
        raise ValueError("a state without averages has none to move")

    def moved(averages: Networks, width: float) -> Networks:
        weight = weight_at(gamma_of(width), after.step)
        trained = {network: after.trainable[network] for network in averages}
        return jax.tree.map(lambda old, new: old + weight * (new - old), averages, trained)

    first, *others = widths
    return dataclasses.replace(
        after,
        average=moved(before.average, first),
        other_averages={named(width): moved(before.other_averages[named(width)], width) for width in others},
    )


def averages_of(state: TrainState, widths: Sequence[float]) -> dict[str, Networks]:
    """Returns {name of a width: {network: average}} of a state."""
    others = state.other_averages if isinstance(state, AveragedState) else {}
    return {named(width): state.average for width in widths[:1]} | others


def inner_products(first: Sequence[Profile], second: Sequence[Profile]) -> np.ndarray:
    """Returns the inner products of the weights of averages, over continuous time: (k, l).

    Those of step T and exponent g are (g + 1) t^g / T^(g + 1) for t from 0 to T.
    """
    (s, a), (t, b) = (np.array(profiles, np.float64).T for profiles in (first, second))
    s, a = s[:, None], a[:, None]
    # (a + 1) (b + 1) / (a + b + 1) * min(s, t)^(a + b + 1) / (s^(a + 1) t^(b + 1))
    falling = np.where(s < t, (np.minimum(s, t) / t) ** b, (np.minimum(s, t) / s) ** a)
    return (a + 1) * (b + 1) / (a + b + 1) * falling / np.maximum(s, t)


def mixture(kept: Sequence[Profile], wanted: Profile) -> Mixture:
    """Finds the combination of kept averages whose weights are nearest to those of another. (ibid., appendix C)

    Args:
        kept: averages that there are.
        wanted: average that is to be rebuilt.
    """
    products, towards = inner_products(kept, kept), inner_products(kept, [wanted])[:, 0]
    # A X = B, the normal equations of that distance
    factors = np.linalg.lstsq(products, towards, rcond=CUTOFF)[0]
    factors = factors / factors.sum()
    square = float(inner_products([wanted], [wanted])[0, 0])
    distance = factors @ products @ factors - 2 * factors @ towards + square
    return Mixture(factors, float(np.sqrt(max(distance, 0.0) / square)))
