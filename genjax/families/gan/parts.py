"""The parts of a GAN that its steps are made of: what is fixed, what a step draws, and both networks applied."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller
from genjax.data.images import to_float
from genjax.families.accumulate import in_parts
from genjax.families.copies import Shots
from genjax.families.gan.objectives import PenaltyWeights
from genjax.families.gan.techniques import Techniques, near_latents
from genjax.families.labels import labels_of, told
from genjax.families.learner import Batch, Module, TrainState
from genjax.families.step import Knobs, Share
from genjax.losses.adversarial import AdversarialLoss
from genjax.transfer import Transfer
from genjax.tree import Tree

AUGMENT_KNOB = "augment_probability"  # obeyed where there is an augmentation

Augment = Callable[[Array, Array, Array], Array]  # (key, images, probability) -> images


class Gan(NamedTuple):
    """The static parts of a GAN's learner; see the arguments of `make_gan`."""

    generator: Module
    critic: Module
    latent_size: int
    loss: AdversarialLoss
    optimizers: dict[str, optax.GradientTransformation]
    augment: Augment | None
    controller: Controller
    weights: PenaltyWeights
    penalty_every: int
    critic_steps: int
    ema_images: float
    transfers: dict[str, Transfer]
    accumulate: int
    share: Share
    classes: int
    shots: Shots | None
    techniques: Techniques
    new_classes: int


class Drawn(NamedTuple):
    """The inputs of a step, in parts: (critic steps, parts of a batch, n, ...).

    Attributes:
        real: images in [-1, 1].
        latents: of as many generated images.
        labels: of real and generated images, which are paired by class; None without classes.
        shared: images of the last turn's latents with the pullback to the generator, where a batch is one part: one
            forward pass serves the critic's last update and the generator's. Parts of a batch, which are not kept, are
            made again.
    """

    real: Array
    latents: Array
    labels: Array | None
    shared: tuple[Array, Callable[[Array], tuple[Tree]]] | None


def draw_step(gan: Gan, state: TrainState, batch: Batch, key: Array) -> Drawn:
    """Prepares real images, latents and labels: each critic update has a batch of its own."""
    real = gan.share(in_parts(jnp.asarray(to_float(batch["image"])), 3, gan.critic_steps, gan.accumulate), 2)
    number = real.shape[0] * real.shape[1] * real.shape[2]
    latents = gan.share(draw_latents(gan, key, number).reshape(*real.shape[:3], gan.latent_size), 2)
    labels = labels_of(batch, gan.classes)
    if labels is not None:
        labels = gan.share(in_parts(labels, 0, gan.critic_steps, gan.accumulate), 2)
    if gan.accumulate > 1:
        return Drawn(real, latents, labels, None)
    shared = images_with_pullback(gan, state, latents[-1, 0], None if labels is None else labels[-1, 0])
    return Drawn(real, latents, labels, shared)


def draw_latents(gan: Gan, key: Array, n: int) -> Array:
    """Draws latents from N(0, 1): (n, latent_size)."""
    return jax.random.normal(key, (n, gan.latent_size))


def images_with_pullback(
    gan: Gan, state: TrainState, latents: Array, labels: Array | None
) -> tuple[Array, Callable[[Array], tuple[Tree]]]:
    """Generates images; returns them with the function from their gradient to the generator's."""
    context = state.context["generator"]
    return jax.vjp(lambda tree: images_of(gan, tree, context, latents, labels), state.trainable["generator"])


def images_of(gan: Gan, tree: Tree, context: Tree, latents: Array, labels: Array | None) -> Array:
    """Generates images (n, h, w, c), the latents moved where the transfer moves them."""
    moved = gan.transfers["generator"].latents(tree, context, latents)
    return gan.generator.apply({"params": gan.transfers["generator"].params(tree, context)}, moved, **told(labels))


def logits_of(
    gan: Gan, context: Tree, knobs: Knobs, tree: Tree, images: Array, key: Array, labels: Array | None = None
) -> Array:
    """Applies the critic to augmented images: (n,)."""
    images = augmented(gan, knobs, images, key)
    return gan.critic.apply({"params": gan.transfers["critic"].params(tree, context)}, images, **told(labels))


def features_of(gan: Gan, context: Tree, knobs: Knobs, tree: Tree, images: Array, key: Array) -> Array:
    """Computes the critic's features of augmented images, without its head: (n, ...)."""
    images = augmented(gan, knobs, images, key)
    return gan.critic.apply({"params": gan.transfers["critic"].params(tree, context)}, images, method="features")


def augmented(gan: Gan, knobs: Knobs, images: Array, key: Array) -> Array:
    """Augments images where there is an augmentation."""
    return images if gan.augment is None else gan.augment(key, images, knobs.get(AUGMENT_KNOB, jnp.ones(())))


def near_of(gan: Gan, key: Array, latents: Array) -> Array:
    """Returns latents near these, (n, latent_size), which zCR compares with them."""
    return near_latents(key, latents, gan.techniques.latent_noise)
