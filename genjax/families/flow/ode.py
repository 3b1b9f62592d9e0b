"""Solvers of dz/dt = f(z, t): from noise to images, and back. (Karras et al. 2022, algorithm 1)"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Field = Callable[[Array, Array], Array]  # (z (n, ...), time ()) -> dz/dt (n, ...)
Means = Callable[[Array, Array, Array], Array]  # (z, time (), following time ()) -> mean of dz/dt between them
Step = Callable[[Field, Array, Array, Array], Array]  # (field, z, this time, next time) -> z there


def euler(field: Field, z: Array, time: Array, following: Array) -> Array:
    """Takes a step along the slope where it begins."""
    return z + (following - time) * field(z, time)


def heun(field: Field, z: Array, time: Array, following: Array) -> Array:
    """Takes a step along the mean of the slopes where it begins and where Euler's step ends: of second order."""
    slope = field(z, time)
    ahead = z + (following - time) * slope
    return z + (following - time) * (slope + field(ahead, following)) / 2


SOLVERS: dict[str, Step] = {"euler": euler, "heun": heun}


def solve(field: Field, z: Array, times: np.ndarray, solver: str = "heun", *, unrolled: bool = False) -> Array:
    """Carries z from the first time to the last, by one step between each two, as a scan.

    A scan is as fast as its steps one after the other, of convolutions too. But not its gradient on a CPU: inside of a
    loop XLA takes 30 times as long for that of a convolution's kernel (jaxlib 0.10.2).

    Where time 0 is the end, the last step is Euler's: the field is not known there, and neither is the first slope of a
    way that begins there, which is then the one of the time that follows.

    Args:
        field: dz/dt.
        z: (n, ...) at the first time.
        times: (steps + 1,), rising or falling.
        solver: one of SOLVERS.
        unrolled: True compiles every step by itself, for a few steps that a gradient is taken of.
    """
    step = SOLVERS[solver]
    if times[0] == 0:  # from an image to noise
        first = z + jnp.float32(times[1]) * field(z, jnp.float32(times[1]))
        return _through(field, first, times[1:], step, unrolled)
    if times[-1] == 0:
        return euler(field, _through(field, z, times[:-1], step, unrolled), *map(jnp.float32, times[-2:]))
    return _through(field, z, times, step, unrolled)


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


def _through(field: Field, z: Array, times: np.ndarray, step: Step, unrolled: bool) -> Array:
    if len(times) < 2:
        return z

    def one(z: Array, interval: tuple[Array, Array]) -> tuple[Array, None]:
        return step(field, z, *interval), None

    moments = jnp.asarray(times, jnp.float32)
    return lax.scan(one, z, (moments[:-1], moments[1:]), unroll=unrolled)[0]
