"""Adversarial losses: each is a pair of pure functions of the critic's logits, one value per pair of images.

Critic and generator are called alike, with the logits of real and of generated images, both (n,); a high logit says
real. Only the relativistic generator looks at the real logits; every other generator accepts and ignores them.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape


class AdversarialLoss(NamedTuple):
    """What critic and generator minimise. Both: (real_logits (n,), fake_logits (n,)) -> (n,), never reduced.

    Attributes:
        critic: pairs of logits to the critic's loss.
        generator: pairs of logits to the generator's loss.
        boundary: the logit between real and generated at the critic's optimum; None where the loss does not change
            when all logits move alike, so that only their differences mean something.
    """

    critic: Callable[..., Array]
    generator: Callable[[Array, Array], Array]
    boundary: float | None = 0.0


def minimax_critic(
    real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"], *, real_target: float = 1.0
) -> Float[Array, " n"]:
    """Cross-entropy of real against generated: -log D(x) - log(1 - D(G(z))). (Goodfellow et al. 2014, eq. 1)

    Args:
        real_logits: (n,).
        fake_logits: (n,).
        real_target: below 1 it is one-sided label smoothing; .9 in Salimans et al. 2016, section 3.4.
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    real = jax.nn.softplus(-real_logits) + (1 - real_target) * real_logits
    return real + jax.nn.softplus(fake_logits)


def minimax_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """log(1 - D(G(z))), which is flat where the critic is sure. (Goodfellow et al. 2014, eq. 1)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """-log D(G(z)), which is steep where the critic is sure. (Goodfellow et al. 2014, section 3)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return jax.nn.softplus(-fake_logits)


def least_squares_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Half the squared distances to 1 (real) and 0 (generated). (Mao et al. 2017, eq. 9)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return 0.5 * ((real_logits - 1) ** 2 + fake_logits**2)


def least_squares_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Half the squared distance of the generated to 1. (Mao et al. 2017, eq. 9)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return 0.5 * (fake_logits - 1) ** 2


def wasserstein_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """D(G(z)) - D(x). It has no minimum of its own: it needs a gradient penalty. (Arjovsky et al. 2017, eq. 2)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return fake_logits - real_logits


def wasserstein_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """-D(G(z)); the hinge loss has the same generator. (Arjovsky et al. 2017, eq. 2)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return -fake_logits


def hinge_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))). (Lim and Ye 2017; Miyato et al. 2018, eq. 16)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


def relativistic_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Cross-entropy of "this real is more real than this generated one". (Jolicoeur-Martineau 2019, RSGAN)

    The real image i is compared with the generated image i; R3GAN (Huang et al. 2024) is this with R1 and R2.
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return jax.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """The critic's loss with real and generated exchanged. (Jolicoeur-Martineau 2019, RSGAN)"""
    return relativistic_critic(fake_logits, real_logits)


minimax = AdversarialLoss(minimax_critic, minimax_generator)
non_saturating = AdversarialLoss(minimax_critic, non_saturating_generator)
least_squares = AdversarialLoss(least_squares_critic, least_squares_generator, boundary=0.5)
wasserstein = AdversarialLoss(wasserstein_critic, wasserstein_generator, boundary=None)
hinge = AdversarialLoss(hinge_critic, wasserstein_generator)
relativistic = AdversarialLoss(relativistic_critic, relativistic_generator, boundary=None)
