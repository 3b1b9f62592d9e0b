"""The losses of critic and generator. (Goodfellow et al. 2014)"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.families.learner import Metrics
from genjax.families.step import Knobs
from genjax.losses.adversarial import AdversarialLoss
from genjax.losses.lecam import lecam
from genjax.losses.penalties import gradient_penalty, r1, r2

# (images, key of their augmentation) -> the critic's logits (n,); of a critic of classes (images, key, labels (n,))
Logits = Callable[..., Array]


class PenaltyWeights(NamedTuple):
    """Weights of the critic's penalties, Python numbers: one that is 0 costs nothing.

    Attributes:
        r1: gamma of R1, at real images.
        r2: gamma of R2, at generated images.
        gradient: weight of WGAN-GP's penalty, between them.
    """

    r1: float = 0.0
    r2: float = 0.0
    gradient: float = 0.0


class Pairs(NamedTuple):
    """The images that the critic compares, and its keys for them.

    Attributes:
        real: images (n, h, w, c), some of them replaced by generated ones where APA does so.
        fake: generated images of the same shape.
        real_labels: () or (labels (n,),).
        fake_labels: likewise.
        real_key: key of the augmentation of real images.
        fake_key: of generated ones.
        between_key: key of the points between them.
    """

    real: Array
    fake: Array
    real_labels: tuple[Array, ...]
    fake_labels: tuple[Array, ...]
    real_key: Array
    fake_key: Array
    between_key: Array


def pairs_of(real: Array, fake: Array, key: Array, *, knobs: Knobs, labels: Array | None = None) -> Pairs:
    """Pairs real and generated images, and replaces real ones at random: the same for the same key.

    Args:
        real: images (n, h, w, c).
        fake: generated images of the same shape.
        key: key of augmentations, of points between real and fake, and of what is replaced.
        knobs: `replace_probability` (APA) where it is set.
        labels: of the pairs (n,); None without classes.
    """
    real_key, fake_key, between_key, replace_key = jax.random.split(key, 4)
    fake_labels = () if labels is None else (labels,)
    real_labels = fake_labels
    if "replace_probability" in knobs:
        replaced = jax.random.bernoulli(replace_key, knobs["replace_probability"], (len(real), 1, 1, 1))
        # Others than those of the same pair: an image beside itself teaches a relativistic critic nothing.
        real = jnp.where(replaced, jnp.roll(fake, 1, axis=0), real)
        if labels is not None:  # a generated image keeps the label that it was made of
            real_labels = (jnp.where(replaced[:, 0, 0, 0], jnp.roll(labels, 1), labels),)
    return Pairs(real, fake, real_labels, fake_labels, real_key, fake_key, between_key)


def critic_objective(
    logits: Logits,
    pairs: Pairs,
    *,
    loss: AdversarialLoss,
    weights: PenaltyWeights,
    knobs: Knobs,
) -> tuple[Array, Metrics]:
    """Computes the critic's loss with its penalties, a mean over pairs.

    `L_D = E[l_D(D(x), D(G(z)))] + r1 R1(x) + r2 R2(G(z)) + w_gp GP(x, G(z)) + w_lecam LeCam`

    Of classes, both images of a pair are of one: D(x, y) and D(G(z, y), y).

    Args:
        logits: of the critic; where the penalties take their gradients, through the augmentation.
        pairs: images that are compared.
        loss: l_D.
        weights: of the penalties.
        knobs: `lecam_weight`, `lecam_real_anchor`, `lecam_fake_anchor`, `penalty_scale` where they are set.
    Returns:
        The loss (), and metrics: its parts, mean logits, their signs and accuracies.
    """
    real_logits = logits(pairs.real, pairs.real_key, *pairs.real_labels)
    fake_logits = logits(pairs.fake, pairs.fake_key, *pairs.fake_labels)
    adversarial = loss.critic(real_logits, fake_logits).mean()
    penalty, parts = penalty_objective(logits, pairs, weights=weights, knobs=knobs)
    total = adversarial + penalty
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
    return total, parts


def generator_objective(
    logits: Logits, fake: Array, real: Array, key: Array, *, loss: AdversarialLoss, labels: Array | None = None
) -> Array:
    """Computes the generator's loss, a mean over pairs: `L_G = E[l_G(D(x), D(G(z)))]`, ().

    Args:
        logits: of the critic.
        fake: generated images (n, h, w, c).
        real: images of the same shape, which relativistic losses compare with.
        key: key of the augmentations.
        loss: l_G.
        labels: of the pairs (n,); None without classes.
    """
    real_key, fake_key = jax.random.split(key)
    of = () if labels is None else (labels,)
    return loss.generator(logits(real, real_key, *of), logits(fake, fake_key, *of)).mean()
