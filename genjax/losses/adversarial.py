"""Adversarial losses: pairs of pure functions of the critic's logits, one value per pair of images.

The losses of critic and generator are called alike, with the logits of real and of generated images, both (n,). A high
logit means real: D(x) = sigmoid(logit) where the paper has a probability, the logit itself elsewhere. Only the
relativistic generator uses the real logits; every other generator accepts and ignores them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape


class Targets(NamedTuple):
    """A critic's loss by targets: 1 for real images, 0 for generated ones, and numbers between them.

    Attributes:
        distance: (logits (n,), targets, () or (n,)) -> loss of each logit (n,).
        best: target -> the logit whose distance is least.
    """

    distance: Callable[..., Array]
    best: Callable[[float], float]


class AdversarialLoss(NamedTuple):
    """The losses of critic and generator, both (real_logits (n,), fake_logits (n,)) -> (n,).

    Attributes:
        critic: loss that the critic minimises.
        generator: loss that the generator minimises.
        boundary: logit between real and generated at the critic's optimum; None for a loss that depends only on
            differences of logits.
        targets: the critic's loss by targets; None for a loss that has none.
    """

    critic: Callable[..., Array]
    generator: Callable[[Array, Array], Array]
    boundary: float | None = 0.0
    targets: Targets | None = None


def minimax_critic(
    real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"], *, real_target: float = 1.0
) -> Float[Array, " n"]:
    """Computes the cross-entropy -log D(x) - log(1 - D(G(z))). (Goodfellow et al. 2014, eq. 1)

    Args:
        real_logits: logits of real images (n,).
        fake_logits: logits of generated images (n,).
        real_target: target of real images; below 1 for one-sided label smoothing, .9 in Salimans et al. 2016, section
            3.4.
    Returns:
        Nats per pair (n,).
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    # -t log D(x) - (1 - t) log(1 - D(x)) with D = sigmoid: softplus(-l) + (1 - t) l
    real = jax.nn.softplus(-real_logits) + (1 - real_target) * real_logits
    return real + jax.nn.softplus(fake_logits)  # -log(1 - D(G(z))) = softplus(l)


def minimax_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes log(1 - D(G(z))), whose gradient vanishes where the critic is sure. (Goodfellow et al. 2014, eq. 1)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return -jax.nn.softplus(fake_logits)  # log(1 - sigmoid(l)) = -softplus(l)


def non_saturating_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes -log D(G(z)), whose gradient stays where the critic is sure. (Goodfellow et al. 2014, section 3)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return jax.nn.softplus(-fake_logits)  # -log sigmoid(l) = softplus(-l)


def least_squares_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes ((D(x) - 1)^2 + D(G(z))^2) / 2. (Mao et al. 2017, eq. 9)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return 0.5 * ((real_logits - 1) ** 2 + fake_logits**2)


def least_squares_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes (D(G(z)) - 1)^2 / 2. (Mao et al. 2017, eq. 9)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return 0.5 * (fake_logits - 1) ** 2


def wasserstein_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes D(G(z)) - D(x), which is unbounded without a gradient penalty. (Arjovsky et al. 2017, eq. 2)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return fake_logits - real_logits


def wasserstein_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes -D(G(z)), also the generator's loss of the hinge pair. (Arjovsky et al. 2017, eq. 2)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return -fake_logits


def hinge_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes max(0, 1 - D(x)) + max(0, 1 + D(G(z))). (Lim and Ye 2017; Miyato et al. 2018, eq. 16)"""
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    # No gradient from pairs that are beyond the margin of 1 already.
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


def relativistic_critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes -log sigmoid(D(x_i) - D(G(z_i))). (Jolicoeur-Martineau 2019, RSGAN)

    Real image i is compared with generated image i. With R1 and R2 this is R3GAN. (Huang et al. 2024)
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    return jax.nn.softplus(fake_logits - real_logits)  # -log sigmoid(d) = softplus(-d)


def relativistic_generator(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes the critic's loss with real and generated exchanged. (Jolicoeur-Martineau 2019, RSGAN)"""
    return relativistic_critic(fake_logits, real_logits)


def cross_entropy(logits: Float[Array, " n"], targets: Float[Array, "*#n"] | float) -> Float[Array, " n"]:
    """Computes -t log D(x) - (1 - t) log(1 - D(x)), the loss of the minimax critic at any target t."""
    return jax.nn.softplus(-logits) + (1 - targets) * logits


def half_square(logits: Float[Array, " n"], targets: Float[Array, "*#n"] | float) -> Float[Array, " n"]:
    """Computes (D(x) - t)^2 / 2, the loss of the least-squares critic at any target t."""
    return 0.5 * (logits - targets) ** 2


def smoothed(loss: AdversarialLoss, smoothing: float) -> AdversarialLoss:
    """Lowers the critic's target of real images to 1 - smoothing. (Salimans et al. 2016, section 3.4)

    A critic that is never to be certain keeps slopes for the generator. The target of generated images stays 0: raised,
    it would hold them where they are. The generator's loss is as it was.

    Args:
        loss: one with targets.
        smoothing: in [0, 1); .1 in the paper's text, .25 in its code.
    Raises:
        ValueError: the loss has no targets.
    """
    if loss.targets is None:
        raise ValueError("a loss without targets was to be smoothed")
    distance, best = loss.targets
    of_real = 1 - smoothing
    targets = Targets(lambda logits, target: distance(logits, of_real * target), lambda target: best(of_real * target))

    def critic(real_logits: Float[Array, " n"], fake_logits: Float[Array, " n"]) -> Float[Array, " n"]:
        same_shape(real_logits=real_logits, fake_logits=fake_logits)
        return targets.distance(real_logits, 1.0) + targets.distance(fake_logits, 0.0)

    # Of an image as often real as generated the mean target is .5.
    return loss._replace(critic=critic, boundary=targets.best(0.5), targets=targets)


def top_weights(fake_logits: Float[Array, " n"], fraction: float | Float[Array, ""]) -> Float[Array, " n"]:
    """Weights the images that the critic likes best, so that a weighted mean is one over these. (Sinha et al. 2020)

    The generator then learns nothing of its worst images, whose gradients, the authors find, lead away from the data.

    Args:
        fake_logits: logits of generated images (n,).
        fraction: share of the images that count, in (0, 1]; at least one does. May be traced.
    Returns:
        n / k for the k = ceil(fraction n) highest, 0 for the others (n,), without gradients.
    """
    n = len(fake_logits)
    # The tolerance: .7 of 10 are 7, and 7.0000002 in float32.
    number = jnp.clip(jnp.ceil(jnp.float32(fraction) * n - 1e-4), 1, n)
    rank = jnp.argsort(jnp.argsort(-jax.lax.stop_gradient(fake_logits)))  # 0 is the highest
    return jnp.where(rank < number, n / number, 0.0)


# The boundary of least squares is halfway between its targets 1 and 0. Wasserstein and the relativistic loss depend on
# differences of logits only.
_CROSS_ENTROPY = Targets(cross_entropy, lambda target: math.log(target / (1 - target)))
_SQUARE = Targets(half_square, lambda target: target)

minimax = AdversarialLoss(minimax_critic, minimax_generator, targets=_CROSS_ENTROPY)
non_saturating = AdversarialLoss(minimax_critic, non_saturating_generator, targets=_CROSS_ENTROPY)
least_squares = AdversarialLoss(least_squares_critic, least_squares_generator, boundary=0.5, targets=_SQUARE)
wasserstein = AdversarialLoss(wasserstein_critic, wasserstein_generator, boundary=None)
hinge = AdversarialLoss(hinge_critic, wasserstein_generator)
relativistic = AdversarialLoss(relativistic_critic, relativistic_generator, boundary=None)
