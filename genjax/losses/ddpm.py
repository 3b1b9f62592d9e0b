"""The process of denoising diffusion (DDPM): a network that was trained at the steps of a schedule of noise.

DDPM mixes image and noise, x_t = a x + b e with a^2 + b^2 = 1, in steps of growing noise. Divided by a, that is EDM's
z = x + s e with s = b / a, so that it is a `Process` whose time is s, and solvers, guidance and transfers know nothing
of steps. (Ho et al. 2020; Song et al. 2021, section 4.3; Karras et al. 2022, appendix C.3.) Euler's step from one s to
the next is DDIM's.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.losses.flow import LARGEST, Network, Process, edm_schedule, per_image, with_noise

PREDICTIONS = ("epsilon", "v_prediction", "sample")
SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
MOST = 0.999  # beta of a cosine schedule, at most (Nichol & Dhariwal 2021, section 3.2)
OFFSET = 0.008  # of a cosine schedule, so that the first steps are not too small


def betas_of(schedule: str, steps: int, *, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """Returns the variance of the noise that each step adds, float64 (steps,).

    Args:
        schedule: one of SCHEDULES.
        steps: number of steps.
        first: variance of the first step, of the two schedules that are not the cosine's.
        last: variance of the last step, of the same two.
    """
    if schedule == "linear":
        return np.linspace(first, last, steps)
    if schedule == "scaled_linear":
        return np.linspace(math.sqrt(first), math.sqrt(last), steps) ** 2
    # a_t^2 = cos((t / T + s) / (1 + s) pi / 2)^2, beta_t = 1 - a_t^2 / a_(t-1)^2
    kept = np.cos((np.arange(steps + 1) / steps + OFFSET) / (1 + OFFSET) * np.pi / 2) ** 2
    return np.minimum(1 - kept[1:] / kept[:-1], MOST)


def deviations_of(betas: np.ndarray) -> np.ndarray:
    """Returns the noise of each step over its image, s = sqrt(1 - a^2) / a, ascending (steps,)."""
    kept = np.cumprod(1 - betas)
    return np.sqrt((1 - kept) / kept)


def ddpm(betas: np.ndarray, prediction: str = "epsilon", *, clip: bool = False) -> Process:
    """Makes the process of a schedule. A network is given x_t and the step divided by the number of steps.

    Args:
        betas: variance of the noise of each step, (steps,), in (0, 1).
        prediction: what the network gives: the noise (epsilon), a e - b x (v_prediction) or the image (sample).
        clip: whether the image that a velocity points to is kept in [-1, 1]. Where there is much noise, a small error
            of the network is one of many times an image, of which some networks never find back.
    """
    deviations = deviations_of(betas)
    steps, largest = len(betas), min(float(deviations[-1]), LARGEST)
    table, logs = jnp.asarray(deviations, jnp.float32), jnp.asarray(np.log(deviations), jnp.float32)

    def level(times: Array) -> Array:
        return jnp.interp(jnp.log(times), logs, jnp.arange(steps, dtype=jnp.float32)) / steps

    def given(network: Network, noisy: Array, times: Array) -> Array:
        return network(noisy / jnp.sqrt(1 + per_image(times, noisy) ** 2), level(times))

    def loss(network: Network, images: Array, noise: Array, times: Array) -> Array:
        s = per_image(times, images)
        target = {"epsilon": noise, "v_prediction": (noise - s * images) / jnp.sqrt(1 + s**2), "sample": images}
        error = given(network, with_noise(images, noise, times), times) - target[prediction]
        return jnp.square(error).mean(axis=(1, 2, 3))

    def velocity(network: Network, noisy: Array, times: Array) -> Array:
        # dz/ds = (z - D(z; s)) / s, which is the noise
        s, found = per_image(times, noisy), given(network, noisy, times)
        if prediction == "sample":
            found = (noisy - found) / s
        elif prediction == "v_prediction":  # e = a v + b x_t, with a = 1 / sqrt(1 + s^2) and b = s a
            found = (found + s * noisy / jnp.sqrt(1 + s**2)) / jnp.sqrt(1 + s**2)
        return (noisy - jnp.clip(noisy - s * found, -1, 1)) / s if clip else found

    return Process(
        times=lambda uniforms: table[jnp.minimum((uniforms * steps).astype(jnp.int32), steps - 1)],
        noisy=with_noise,
        loss=loss,
        velocity=velocity,
        schedule=lambda asked: edm_schedule(asked, smallest=float(deviations[0]), largest=largest),
        deviation=largest,
        level=level,
    )
