"""The losses of critic and generator. (Goodfellow et al. 2014)"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.families.gan.pairs import Logits, Pairs
from genjax.families.gan.techniques import OFF, Techniques, consistency_objective, mixed_objective
from genjax.families.learner import Metrics
from genjax.families.step import Knobs
from genjax.losses.adversarial import AdversarialLoss, top_weights
from genjax.losses.consistency import sensitivity
from genjax.losses.improved_gan import feature_matching
from genjax.losses.lecam import lecam
from genjax.losses.penalties import dragan, gradient_penalty, r1, r2

DRAGAN_KEY = 1  # folded into the key of the points between, as those of `techniques` are


class PenaltyWeights(NamedTuple):
    """Weights of the critic's penalties, Python numbers: one that is 0 costs nothing.

    Attributes:
        r1: gamma of R1, at real images.
        r2: gamma of R2, at generated images.
        gradient: weight of WGAN-GP's penalty, between them.
        dragan: weight of DRAGAN's penalty, around real images.
    """

    r1: float = 0.0
    r2: float = 0.0
    gradient: float = 0.0
    dragan: float = 0.0


def critic_objective(
    logits: Logits,
    pairs: Pairs,
    *,
    loss: AdversarialLoss,
    weights: PenaltyWeights,
    knobs: Knobs,
    techniques: Techniques = OFF,
) -> tuple[Array, Metrics]:
    """Computes the critic's loss with its penalties, a mean over pairs.

    `L_D = E[l_D(D(x), D(G(z)))] + r1 R1(x) + r2 R2(G(z)) + w_gp GP(x, G(z)) + w_lecam LeCam`, and what the techniques
    add.

    Of classes, both images of a pair are of one: D(x, y) and D(G(z, y), y).

    Args:
        logits: of the critic; where the penalties take their gradients, through the augmentation.
        pairs: images that are compared.
        loss: l_D.
        weights: of the penalties.
        knobs: `lecam_weight`, `lecam_real_anchor`, `lecam_fake_anchor`, `penalty_scale` where they are set.
        techniques: MixUp, which takes the place of l_D, and consistency regularisation.
    Returns:
        The loss (), and metrics: its parts, mean logits, their signs and accuracies.
    """
    real_logits = logits(pairs.real, pairs.real_key, *pairs.real_labels)
    fake_logits = logits(pairs.fake, pairs.fake_key, *pairs.fake_labels)
    if techniques.mixup:
        adversarial = mixed_objective(logits, pairs, loss=loss, alpha=techniques.mixup)
    else:
        adversarial = loss.critic(real_logits, fake_logits).mean()
    penalty, parts = penalty_objective(logits, pairs, weights=weights, knobs=knobs)
    total = adversarial + penalty
    if techniques.of_consistency:
        penalty, measured = consistency_objective(logits, pairs, real_logits, fake_logits, techniques=techniques)
        total, parts = total + penalty, parts | measured
    if "lecam_weight" in knobs:
        anchors = {"real_anchor": knobs["lecam_real_anchor"], "fake_anchor": knobs["lecam_fake_anchor"]}
        parts["penalty/lecam"] = lecam(real_logits, fake_logits, **anchors).mean()
        total += knobs["lecam_weight"] * parts["penalty/lecam"]
    # Where the loss has no boundary of its own between real and generated, it lies half-way between the means.
    middle = (real_logits.mean() + fake_logits.mean()) / 2 if loss.boundary is None else loss.boundary
    return total, parts | {
        "loss/critic": adversarial,
        "logits/real": real_logits.mean(),
        "logits/fake": fake_logits.mean(),
        "logits/real_sign": jnp.sign(real_logits - middle).mean(),
        "logits/real_accuracy": (real_logits > middle).mean(),
        "logits/fake_accuracy": (fake_logits < middle).mean(),
    }


def penalty_objective(logits: Logits, pairs: Pairs, *, weights: PenaltyWeights, knobs: Knobs) -> tuple[Array, Metrics]:
    """Computes the critic's penalties on its gradients: `r1 R1(x) + r2 R2(G(z)) + w_gp GP(x, G(z))`, () and its parts.

    DRAGAN's is another: `w_d (|grad D(x + noise)| - 1)^2`.

    Args:
        logits: of the critic, through the augmentation.
        pairs: images that are compared.
        weights: of the penalties; one that is 0 costs nothing.
        knobs: `penalty_scale`, a factor on the weights of R1 and R2, where it is set.
    """
    at_real = lambda images: logits(images, pairs.real_key, *pairs.real_labels)  # noqa: E731
    at_fake = lambda images: logits(images, pairs.fake_key, *pairs.fake_labels)  # noqa: E731
    scale = knobs.get("penalty_scale", 1.0)
    total, parts = jnp.zeros(()), {}
    if weights.r1:  # r1 |grad_x D(x)|^2 / 2 at real images
        parts["penalty/r1"] = r1(at_real, pairs.real).mean()
        total += scale * weights.r1 * parts["penalty/r1"]
    if weights.r2:  # the same at generated ones
        parts["penalty/r2"] = r2(at_fake, pairs.fake).mean()
        total += scale * weights.r2 * parts["penalty/r2"]
    if weights.gradient:  # w_gp (|grad D(x_between)| - 1)^2
        parts["penalty/gradient"] = gradient_penalty(at_real, pairs.real, pairs.fake, pairs.between_key).mean()
        total += weights.gradient * parts["penalty/gradient"]
    if weights.dragan:  # w_d (|grad D(x + noise)| - 1)^2
        noise_key = jax.random.fold_in(pairs.between_key, DRAGAN_KEY)
        parts["penalty/dragan"] = dragan(at_real, pairs.real, noise_key).mean()
        total += weights.dragan * parts["penalty/dragan"]
    return total, parts


def generator_objective(
    logits: Logits,
    fake: Array,
    real: Array,
    key: Array,
    *,
    loss: AdversarialLoss,
    labels: Array | None = None,
    knobs: Knobs | None = None,
    techniques: Techniques = OFF,
    features: Logits | None = None,
    near: Array | None = None,
) -> tuple[Array, Metrics]:
    """Computes the generator's loss, a mean over pairs: `L_G = E[l_G(D(x), D(G(z)))]`, and what the techniques add.

    Args:
        logits: of the critic.
        fake: generated images (n, h, w, c).
        real: images of the same shape, which relativistic losses and feature matching compare with.
        key: key of the augmentations.
        loss: l_G.
        labels: of the pairs (n,); None without classes.
        knobs: `top_fraction`, the share of the images that count, where it is set.
        techniques: feature matching and zCR.
        features: (images, key of their augmentation) -> the critic's features (n, ...), for feature matching.
        near: images of latents near those of `fake`, for zCR.
    Returns:
        The loss (), and its parts.
    """
    real_key, fake_key = jax.random.split(key)
    of = () if labels is None else (labels,)
    fake_logits = logits(fake, fake_key, *of)
    each = loss.generator(logits(real, real_key, *of), fake_logits)
    if knobs and "top_fraction" in knobs:
        each = each * top_weights(fake_logits, knobs["top_fraction"])
    total = each.mean()
    parts = {"loss/generator": total}
    if techniques.feature_matching and features is not None:
        parts["penalty/feature_matching"] = feature_matching(features(real, real_key), features(fake, fake_key))
        total += techniques.feature_matching * parts["penalty/feature_matching"]
    if techniques.latent_generator and near is not None:  # -w |G(z) - G(z + e)|^2
        parts["penalty/latent_sensitivity"] = sensitivity(fake, near).mean()
        total -= techniques.latent_generator * parts["penalty/latent_sensitivity"]
    return total, parts
