"""Regression losses of flows: a network learns the field that carries noise to images.

A process turns an image x and noise e, standard normal, into a noisy image z at a time t. Rectified flow goes along
straight lines, z = (1 - t) x + t e for t from 0 to 1. (Liu et al. 2023; Esser et al. 2024) EDM adds noise of the
deviation t, z = x + t e for t from 0 to 80, and trains a denoiser whose inputs and outputs have unit variance at every
t. (Karras et al. 2022) Mean flow and denoising diffusion have files of their own. All are `Process`es, so that solvers,
guidance and learners know of one thing: dz/dt.

All losses are means over the values of an image, one number an image.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.stats import norm
from jaxtyping import Float

# (images (n, h, w, c), noise level (n,)) -> (n, h, w, c); of mean flow also (images, noise level, span (n,))
Network = Callable[..., Array]

IMAGE_DEVIATION = 0.5  # of the values of images in [-1, 1], as EDM assumes it
SMALLEST, LARGEST, CURVATURE = 0.002, 80.0, 7.0  # of EDM's schedule (table 1)
LOG_MEAN, LOG_DEVIATION = -1.2, 1.2  # of EDM's noise in training (table 1)
LEAST_TIME = 0.05  # below, a velocity made of a predicted image would be divided by too little (pMF)


class Process(NamedTuple):
    """A way from images to noise, and what a network learns of it.

    Attributes:
        times: uniforms in (0, 1), (n,) -> times (n,) at which a batch is trained.
        noisy: (images, noise, times) -> noisy images (n, h, w, c).
        loss: (network, images, noise, times) -> (n,); of mean flow also (..., times, earlier times).
        velocity: (network, noisy images, times (n,)) -> dz/dt (n, h, w, c).
        schedule: steps -> times (steps + 1,) from noise to images, the last 0.
        deviation: deviation of the noise at the first time.
        pairs: (key, times) -> times and earlier ones (n,) that a loss is of; None where it is of one time.
        weight: losses (n,) -> factors (n,) on their gradients; None is 1.
        mean: (network, noisy images, times, earlier times) -> mean of dz/dt between them, along the way that the flow
            takes; None where a network knows of one time only.
        level: times (n,) -> noise levels (n,), which a network is told in their place; the times themselves by default.
    """

    times: Callable[[Array], Array]
    noisy: Callable[[Array, Array, Array], Array]
    loss: Callable[..., Array]
    velocity: Callable[[Network, Array, Array], Array]
    schedule: Callable[[int], np.ndarray]
    deviation: float
    pairs: Callable[[Array, Array], tuple[Array, Array]] | None = None
    weight: Callable[[Array], Array] | None = None
    mean: Callable[[Network, Array, Array, Array], Array] | None = None
    level: Callable[[Array], Array] = lambda times: times


def spread_uniforms(key: Array, n: int) -> Float[Array, " n"]:
    """Draws n uniform numbers in (0, 1), one in each n-th of it, so that every batch sees all times.

    (Kingma et al. 2021, appendix I.1)
    """
    offset = jax.random.uniform(key, ())
    return jnp.clip((offset + jnp.arange(n) / n) % 1.0, 1e-6, 1 - 1e-6)


def logit_normal(uniforms: Float[Array, " n"], *, mean: float = 0.0, deviation: float = 1.0) -> Float[Array, " n"]:
    """Maps uniform numbers to times in (0, 1), most of them in the middle: sigmoid of a normal. (Esser et al. 2024)"""
    return jax.nn.sigmoid(mean + deviation * norm.ppf(uniforms))


def image_of(velocity: Array, noisy: Array, times: Array) -> Array:
    """Returns the image that a velocity of rectified flow points to: x = z - t v."""
    return noisy - per_image(times, noisy) * velocity


def velocity_of(image: Array, noisy: Array, times: Array) -> Array:
    """Returns the velocity of rectified flow to an image: v = (z - x) / t, with t of LEAST_TIME at least."""
    return (noisy - image) / jnp.maximum(per_image(times, noisy), LEAST_TIME)


def rectified(prediction: str = "velocity", *, mean: float = 0.0, deviation: float = 1.0) -> Process:
    """Makes rectified flow.

    Args:
        prediction: what the network gives: the velocity, or the image, from which the velocity follows.
        mean: mean of the logit of the times that are trained at; above 0 there are more noisy ones.
        deviation: standard deviation of that logit.
    """

    def noisy(images: Array, noise: Array, times: Array) -> Array:
        t = per_image(times, images)
        return (1 - t) * images + t * noise

    def velocity(network: Network, noisy: Array, times: Array) -> Array:
        given = network(noisy, times)
        return given if prediction == "velocity" else velocity_of(given, noisy, times)

    def loss(network: Network, images: Array, noise: Array, times: Array) -> Array:
        # |v(z, t) - (e - x)|^2
        error = velocity(network, noisy(images, noise, times), times) - (noise - images)
        return jnp.square(error).mean(axis=(1, 2, 3))

    return Process(
        times=lambda uniforms: logit_normal(uniforms, mean=mean, deviation=deviation),
        noisy=noisy,
        loss=loss,
        velocity=velocity,
        schedule=lambda steps: np.linspace(1.0, 0.0, steps + 1),
        deviation=1.0,
    )


def edm(*, image_deviation: float = IMAGE_DEVIATION) -> Process:
    """Makes EDM's process: a denoiser D(z; t), t the deviation of the noise. (Karras et al. 2022, table 1)

    Args:
        image_deviation: sigma_data, the standard deviation of the values of the images.
    """
    sd = image_deviation

    def level(times: Array) -> Array:
        return jnp.log(times) / 4

    def denoised(network: Network, noisy: Array, times: Array) -> Array:
        t = per_image(times, noisy)
        total = jnp.sqrt(t**2 + sd**2)
        # D(z; t) = c_skip z + c_out F(c_in z; c_noise)  (eq. 7)
        return sd**2 / total**2 * noisy + t * sd / total * network(noisy / total, level(times))

    def loss(network: Network, images: Array, noise: Array, times: Array) -> Array:
        # (t^2 + sd^2) / (t sd)^2 |D(x + t e; t) - x|^2
        error = denoised(network, with_noise(images, noise, times), times) - images
        return (times**2 + sd**2) / (times * sd) ** 2 * jnp.square(error).mean(axis=(1, 2, 3))

    def velocity(network: Network, noisy: Array, times: Array) -> Array:
        # dz/dt = (z - D(z; t)) / t  (eq. 3)
        return (noisy - denoised(network, noisy, times)) / per_image(times, noisy)

    return Process(
        times=lambda uniforms: jnp.exp(LOG_MEAN + LOG_DEVIATION * norm.ppf(uniforms)),
        noisy=with_noise,
        loss=loss,
        velocity=velocity,
        schedule=edm_schedule,
        deviation=LARGEST,
        level=level,
    )


def with_noise(images: Array, noise: Array, deviations: Array) -> Array:
    """Adds noise to images (n, h, w, c), of one deviation (n,) an image: z = x + t e."""
    return images + per_image(deviations, images) * noise


def edm_schedule(steps: int, *, smallest: float = SMALLEST, largest: float = LARGEST) -> np.ndarray:
    """Returns the times (steps + 1,) of a sampling, close together where there is little noise. (eq. 5)

    Args:
        steps: number of steps, 1 or more.
        smallest: deviation of the noise before the last step.
        largest: deviation of the noise at first.
    """
    if steps == 1:
        return np.array([largest, 0.0])
    first, last = largest ** (1 / CURVATURE), smallest ** (1 / CURVATURE)
    # t_i = (largest^(1/7) + i / (N - 1) (smallest^(1/7) - largest^(1/7)))^7, t_N = 0
    return np.append(np.linspace(first, last, steps) ** CURVATURE, 0.0)


def uncertain(loss: Float[Array, " n"], log_variance: Float[Array, " n"]) -> Float[Array, " n"]:
    """Weighs a loss by a learned uncertainty of its noise level: L / exp(u) + u. (Karras et al. 2024, eq. 21)

    It is least at u = log L. There the gradient of every noise level has one size: none drowns another, whatever the
    process and its prediction.
    """
    return loss * jnp.exp(-log_variance) + log_variance


def noise_levels(times: Float[Array, " n"], losses: Float[Array, " n"], parts: int) -> Float[Array, "{parts}"]:
    """Averages losses over equal parts of a batch, from those with the least noise to those with the most.

    A batch that does not divide has its noisiest images in no part.
    """
    each = max(1, len(times) // parts)
    ordered = losses[jnp.argsort(times)]
    return jnp.stack([ordered[min(part, len(times) - 1) * each :][:each].mean() for part in range(parts)])


def per_image(numbers: Array, images: Array) -> Array:
    """Reshapes numbers (n,) so that they multiply images (n, ...), one number an image."""
    return numbers.reshape(-1, *[1] * (images.ndim - 1))
