"""Penalties on the slope of a critic: they keep it from becoming steep where the generator must still learn from it.

All are unweighted and give one value per image; the step multiplies and takes the mean. `critic` maps images to logits
(n,). The slope is that of the summed logits, as in every published implementation: a critic that compares the images of
a batch (minibatch deviation) has cross terms in it.
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
    """(|grad D(x)| - target)^2 at x drawn uniformly between real and generated image i. (Gulrajani et al. 2017, eq. 3)

    Args:
        critic: images to logits (n,).
        real: (n, h, w, c).
        fake: (n, h, w, c).
        key: of the positions between them.
        target: slope to hold; 1 in the paper, whose weight is 10.
    Returns:
        (n,), at least 0.
    """
    same_shape(real=real, fake=fake)
    share = jax.random.uniform(key, (len(real), 1, 1, 1), real.dtype)
    squared = _squared_slope(critic, real + share * (fake - real))
    return (_root(squared) - target) ** 2


def r1(critic: Critic, images: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """|grad D(x)|^2 / 2 at real images. (Mescheder et al. 2018, eq. 9, without gamma)

    With an augmentation inside `critic` this is the slope with respect to the images before it, as in StyleGAN2-ADA.

    Args:
        critic: images to logits (n,).
        images: real, (n, h, w, c).
    Returns:
        (n,), at least 0.
    """
    return 0.5 * _squared_slope(critic, images)


def r2(critic: Critic, images: Float[Array, "n h w c"]) -> Float[Array, " n"]:
    """|grad D(x)|^2 / 2 at generated images. (Mescheder et al. 2018, eq. 10, without gamma)

    R1 elsewhere: it has a name of its own because R3GAN needs both.
    """
    return r1(critic, images)


def _squared_slope(critic: Critic, images: Array) -> Array:
    slope = jax.grad(lambda images: critic(images).sum())(images)
    return jnp.square(slope).sum(axis=(1, 2, 3))


def _root(squared: Array) -> Array:
    # The derivative of sqrt at 0 is infinite, and where() alone would turn it into NaN: hence the 1 inside.
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)
