"""Gradient penalties of a critic (WGAN-GP, DRAGAN, R1, R2), which bound its slope where the generator learns from it.

All are unweighted and return one value per image; the step multiplies and takes the mean. `critic` maps images to
logits (n,). The gradient is that of the summed logits, as in every published implementation: a critic that compares the
images of a batch (minibatch deviation) has cross terms in it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from genjax.losses.shapes import same_shape

Critic = Callable[[Array], Array]


def gradient_penalty(
    critic: Critic,
    real: Float[Array, "n h w c"],
    fake: Float[Array, "n h w c"],
    key: Key[Array, ""],
    *,
    target: float = 1.0,
) -> Float[Array, " n"]:
    """Computes the WGAN-GP penalty between real and generated image i. (Gulrajani et al. 2017, eq. 3)

    Args:
        critic: function images -> logits (n,).
        real: real images (n, h, w, c).
        fake: generated images (n, h, w, c).
        key: key of the positions between them.
        target: norm of the gradient that costs nothing; 1 in the paper, whose weight is 10.
    Returns:
        Penalty per pair (n,), at least 0.
    """
    same_shape(real=real, fake=fake)
    share = jax.random.uniform(key, (len(real), 1, 1, 1), real.dtype)
    # x = real + u (fake - real), u uniform in [0, 1)
    squared = _squared_slope(critic, real + share * (fake - real))
    return (_root(squared) - target) ** 2  # (|grad_x D(x)| - target)^2


def dragan(
    critic: Critic,
    real: Float[Array, "n h w c"],
    key: Key[Array, ""],
    *,
    target: float = 1.0,
    reach: float = 0.5,
) -> Float[Array, " n"]:
    """Computes the penalty of DRAGAN, around real images and without generated ones. (Kodali et al. 2017, section 2.5)

    The paper has all of the noise, as here; code of its time multiplies it by a number in [0, 1) for each image.

    Args:
        critic: function images -> logits (n,).
        real: real images (n, h, w, c).
        key: key of the noise.
        target: norm of the gradient that costs nothing; 1 in the paper, whose weight is 10.
        reach: largest noise in standard deviations of all values of the batch; .5 in the authors' code.
    Returns:
        Penalty per image (n,), at least 0.
    """
    noise = jax.random.uniform(key, real.shape, real.dtype)
    # x' = x + .5 std(x) u, u uniform in [0, 1)
    squared = _squared_slope(critic, real + reach * real.std() * noise)
    return (_root(squared) - target) ** 2  # (|grad_x' D(x')| - target)^2


def r1(critic: Critic, images: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Computes the R1 penalty at real images. (Mescheder et al. 2018, eq. 9, without gamma)

    With an augmentation inside `critic` the gradient is that with respect to the images before it, as in StyleGAN2-ADA.

    Args:
        critic: function images -> logits (n,).
        images: real images (n, h, w, c).
    Returns:
        Penalty per image (n,), at least 0.
    """
    return 0.5 * _squared_slope(critic, images)  # 1/2 |grad_x D(x)|^2


def r2(critic: Critic, images: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """Computes the R2 penalty at generated images. (Mescheder et al. 2018, eq. 10, without gamma)

    The equation is that of R1; it has its own name because R3GAN needs both.
    """
    return r1(critic, images)


def _squared_slope(critic: Critic, images: Array) -> Array:
    slope = jax.grad(lambda images: critic(images).sum())(images)
    return jnp.square(slope).sum(axis=(1, 2, 3))  # (n, h, w, c) to (n,)


def _root(squared: Array) -> Array:
    # The derivative of sqrt is infinite at 0, and a single where() would turn it into NaN: hence the inner 1.
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)
