"""Techniques of the field that change what a GAN minimises: their settings, and the critic's terms.

Feature matching, zCR's reward and the top images are terms of the generator: see `objectives.generator_objective`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.augment.ada import augment
from genjax.augment.mixup import mixup
from genjax.families.gan.pairs import Logits, Pairs
from genjax.families.learner import Metrics
from genjax.losses.adversarial import AdversarialLoss
from genjax.losses.consistency import consistency

MIXUP_KEY, REAL_KEY, FAKE_KEY = 2, 3, 4  # folded into the key of the points between real and generated
NEAR_KEY = 5  # folded into the key of an update


class Techniques(NamedTuple):
    """Weights and settings, Python numbers: one that is 0 costs nothing.

    Attributes:
        feature_matching: weight of the distance between the mean features of real and generated images.
        consistency_real: weight of the consistency of the critic at real images.
        consistency_fake: likewise at generated images.
        latent_critic: weight of its consistency at images of near latents.
        latent_generator: weight of the reward for telling near latents apart.
        latent_noise: standard deviation of the difference between near latents.
        mixup: alpha of MixUp's Beta distribution.
        historical_averaging: weight of the squared distance between the generator and its moving average.
    """

    feature_matching: float = 0.0
    consistency_real: float = 0.0
    consistency_fake: float = 0.0
    latent_critic: float = 0.0
    latent_generator: float = 0.0
    latent_noise: float = 0.05
    mixup: float = 0.0
    historical_averaging: float = 0.0

    @property
    def of_consistency(self) -> bool:
        """Whether the critic's loss has a term of consistency."""
        return bool(self.consistency_real or self.consistency_fake or self.latent_critic)


OFF = Techniques()


def shifted(key: Array, images: Array) -> Array:
    """Shifts each image by whole pixels, up to an eighth of its size; no mirroring, as a mirrored 3 is not a 3."""
    return augment(key, images, 1.0, operations=("integer_translation",))


def near_latents(key: Array, latents: Array, noise: float) -> Array:
    """Moves latents (n, latent_size) by normal noise of this standard deviation."""
    drawn = jax.random.normal(jax.random.fold_in(key, NEAR_KEY), latents.shape, latents.dtype)
    return latents + noise * drawn


def consistency_objective(
    logits: Logits, pairs: Pairs, real_logits: Array, fake_logits: Array, *, techniques: Techniques
) -> tuple[Array, Metrics]:
    """Computes the penalties of consistency, each with its weight: (), and its parts. (Zhao et al. 2021)

    `|D(x) - D(T(x))|^2 + |D(G(z)) - D(T(G(z)))|^2 + |D(G(z)) - D(G(z + e))|^2`, T a shift. Both images that
    are compared pass the same augmentation.

    Args:
        logits: of the critic.
        pairs: images that are compared, with `near` where its term has a weight.
        real_logits: those of the real images (n,).
        fake_logits: those of the generated ones.
        techniques: weights.
    """
    total, parts = jnp.zeros(()), {}
    if techniques.consistency_real:
        moved = shifted(jax.random.fold_in(pairs.between_key, REAL_KEY), pairs.real)
        changed = logits(moved, pairs.real_key, *pairs.real_labels)
        parts["penalty/consistency_real"] = consistency(real_logits, changed).mean()
        total += techniques.consistency_real * parts["penalty/consistency_real"]
    if techniques.consistency_fake:
        moved = shifted(jax.random.fold_in(pairs.between_key, FAKE_KEY), pairs.fake)
        changed = logits(moved, pairs.fake_key, *pairs.fake_labels)
        parts["penalty/consistency_fake"] = consistency(fake_logits, changed).mean()
        total += techniques.consistency_fake * parts["penalty/consistency_fake"]
    if techniques.latent_critic and pairs.near is not None:
        changed = logits(pairs.near, pairs.fake_key, *pairs.fake_labels)
        parts["penalty/latent_consistency"] = consistency(fake_logits, changed).mean()
        total += techniques.latent_critic * parts["penalty/latent_consistency"]
    return total, parts


def mixed_objective(logits: Logits, pairs: Pairs, *, loss: AdversarialLoss, alpha: float) -> Array:
    """Computes the critic's loss at mixtures s x + (1 - s) G(z), whose target is s, a mean: (). (Zhang et al. 2018)

    It is doubled: the loss that it replaces is of two images for each pair.

    Args:
        logits: of the critic.
        pairs: images that are mixed.
        loss: one with targets.
        alpha: of the Beta distribution that shares are drawn from.
    Raises:
        ValueError: the loss has no targets.
    """
    if loss.targets is None:
        raise ValueError("MixUp needs a loss with targets")
    mixed, share = mixup(jax.random.fold_in(pairs.between_key, MIXUP_KEY), pairs.real, pairs.fake, alpha=alpha)
    return 2 * loss.targets.distance(logits(mixed, pairs.real_key, *pairs.fake_labels), share).mean()
