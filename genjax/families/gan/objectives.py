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


def critic_objective(
    logits: Logits,
    real: Array,
    fake: Array,
    key: Array,
    *,
    loss: AdversarialLoss,
    weights: PenaltyWeights,
    knobs: Knobs,
    labels: Array | None = None,
) -> tuple[Array, Metrics]:
    """Computes the critic's loss with its penalties, a mean over pairs.

    `L_D = E[l_D(D(x), D(G(z)))] + r1 R1(x) + r2 R2(G(z)) + w_gp GP(x, G(z)) + w_lecam LeCam`

    Of classes, both images of a pair are of one: D(x, y) and D(G(z, y), y).

    Args:
        logits: of the critic; where the penalties take their gradients, through the augmentation.
        real: images (n, h, w, c).
        fake: generated images of the same shape.
        key: key of augmentations, of points between real and fake, and of what is replaced.
        loss: l_D.
        weights: of the penalties.
        knobs: `replace_probability` (APA), `lecam_weight`, `lecam_real_anchor`, `lecam_fake_anchor` where they are set.
        labels: of the pairs (n,); None without classes.
    Returns:
        The loss (), and metrics: its parts, mean logits, their signs and accuracies.
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
    real_logits, fake_logits = logits(real, real_key, *real_labels), logits(fake, fake_key, *fake_labels)
    parts = {"loss/critic": loss.critic(real_logits, fake_logits).mean()}
    total = parts["loss/critic"]
    if weights.r1:  # r1 |grad_x D(x)|^2 / 2 at real images
        parts["penalty/r1"] = r1(lambda images: logits(images, real_key, *real_labels), real).mean()
        total += weights.r1 * parts["penalty/r1"]
    if weights.r2:  # the same at generated ones
        parts["penalty/r2"] = r2(lambda images: logits(images, fake_key, *fake_labels), fake).mean()
        total += weights.r2 * parts["penalty/r2"]
    if weights.gradient:  # w_gp (|grad D(x_between)| - 1)^2
        at_real = lambda images: logits(images, real_key, *real_labels)  # noqa: E731
        parts["penalty/gradient"] = gradient_penalty(at_real, real, fake, between_key).mean()
        total += weights.gradient * parts["penalty/gradient"]
    if "lecam_weight" in knobs:
        anchors = {"real_anchor": knobs["lecam_real_anchor"], "fake_anchor": knobs["lecam_fake_anchor"]}
        parts["penalty/lecam"] = lecam(real_logits, fake_logits, **anchors).mean()
        total += knobs["lecam_weight"] * parts["penalty/lecam"]
    # Where the loss has no boundary of its own between real and generated, it lies half-way between the means.
    middle = (real_logits.mean() + fake_logits.mean()) / 2 if loss.boundary is None else loss.boundary
    return total, parts | {
        "logits/real": real_logits.mean(),
        "logits/fake": fake_logits.mean(),
        "logits/real_sign": jnp.sign(real_logits - middle).mean(),
        "logits/real_accuracy": (real_logits > middle).mean(),
        "logits/fake_accuracy": (fake_logits < middle).mean(),
    }


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
