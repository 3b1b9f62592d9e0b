"""Solvers of dz/dt = f(z, t): from noise to images, and back. (Karras et al. 2022, algorithm 1)"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Field = Callable[[Array, Array], Array]  # (z (n, ...), time ()) -> dz/dt (n, ...)
Means = Callable[[Array, Array, Array], Array]  # (z, time (), following time ()) -> mean of dz/dt between them
SOLVERS = ("euler", "heun")  # a step along the slope where it begins; along the mean of that and the one where it ends


class Calls(NamedTuple):
    """Calls of a field, in their order.

    Attributes:
        time: (calls,), at which the field is asked.
        length: (calls,), of the step that a call belongs to.
        second: (calls,), whether it is the second one of its step.
    """

    time: Array
    length: Array
    second: Array


def calls_of(times: np.ndarray, solver: str) -> Calls:
    """Lists the calls of a field on the way through `times` (steps + 1,), see `solve`."""
    if solver not in SOLVERS:
        raise ValueError(f"{solver} is no solver of a field")
    moments = np.asarray(times, np.float32)
    found = []
    for time, following in itertools.pairwise(moments):
        length = following - time
        if time == 0:
            found.append((following, length, False))
        else:
            found.append((time, length, False))
            if solver == "heun" and following != 0:
                found.append((following, length, True))
    table = np.asarray(found, np.float32).reshape(-1, 3)
    return Calls(*map(jnp.asarray, (table[:, 0], table[:, 1], table[:, 2] > 0)))


def solve(field: Field, z: Array, times: np.ndarray, solver: str = "heun", *, unrolled: bool = False) -> Array:
    """Carries z from the first time to the last, by one step between each two, as a scan over calls of the field.

    Over calls and not over steps, so that a network is compiled once, and not three times for Heun's two calls and the
    last one. A scan is as fast as its calls one after the other, of convolutions too. But not its gradient on a CPU:
    inside of a loop XLA takes 30 times as long for that of a convolution's kernel (jaxlib 0.10.2).

    Where time 0 is the end, the last step is Euler's: the field is not known there, and neither is the first slope of a
    way that begins there, which is then the one of the time that follows.

    Args:
        field: dz/dt.
        z: (n, ...) at the first time.
        times: (steps + 1,), rising or falling.
        solver: one of SOLVERS.
        unrolled: True compiles every step by itself, for a few steps that a gradient is taken of.
    """

    def one(carry: tuple[Array, Array, Array], call: Calls) -> tuple[tuple[Array, Array, Array], None]:
        z, start, before = carry
        slope = field(z, call.time)
        ahead = z + call.length * slope
        corrected = start + call.length * (before + slope) / 2
        return (jnp.where(call.second, corrected, ahead), jnp.where(call.second, start, z), slope), None

    return lax.scan(one, (z, z, jnp.zeros_like(z)), calls_of(times, solver), unroll=unrolled)[0][0]


def leap(means: Means, z: Array, times: np.ndarray) -> Array:
    """Carries z from the first time to the last by the mean velocity between each two, as a scan.

    Where these are exact, so is any number of steps. (Geng et al. 2025, algorithm 2)

    Args:
        means: mean of dz/dt along the way from z.
        z: (n, ...) at the first time.
        times: (steps + 1,).
    """

    def one(z: Array, interval: tuple[Array, Array]) -> tuple[Array, None]:
        # z_r = z_t - (t - r) u(z_t, r, t)
        time, following = interval
        return z + (following - time) * means(z, time, following), None

    moments = jnp.asarray(times, jnp.float32)
    return lax.scan(one, z, (moments[:-1], moments[1:]))[0]
