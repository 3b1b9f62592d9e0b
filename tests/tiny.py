"""Tiny learners, built once: what costs is their compilation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax.augment import AUGMENTATIONS
from genjax.config import AdaptConfig, ControlConfig, GanConfig, ModelConfig, TrainConfig, VaeConfig
from genjax.control import ada, chain, geco
from genjax.families.flow.options import DitConfig, FlowConfig
from genjax.families.gan.learner import make_gan
from genjax.families.vae.learner import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic, Generator
from genjax.models.vae import Vae
from genjax.transfer.registry import TRANSFERS

# Transfers that every family may take; the others are for a style that is new to a model of styles.
USUAL = tuple(name for name, spec in TRANSFERS.items() if "rows" not in spec.needs)
TINY_GAN = GanConfig(width=8, latent_size=8)
TINY_VAE = VaeConfig(width=8, latent_size=4)
TINY_FLOW = FlowConfig(dit=DitConfig(width=16, depth=1, heads=2), preview_steps=2, warm_up_steps=0)
TINY_CONTROL = ControlConfig(ada_target=0.0)  # augmentation takes longest to compile


TINY_OPTIONS = {"gan": TINY_GAN, "vae": TINY_VAE, "flow": TINY_FLOW}


def tiny_model(family):
    """The config of a model that compiles in a second or two."""
    return ModelConfig(family, 16, 1, "float32", 8, TINY_OPTIONS[family])


def tiny_gan(**changes):
    """A GAN learner with every part in use."""
    settings: dict[str, Any] = {
        "critic": Critic(16, 8),
        "latent_size": 8,
        "loss": ADVERSARIAL["non_saturating"],
        "optimizer": optax.adam(2e-3, b1=0.0, b2=0.99),
        "critic_optimizer": optax.adam(2e-3, b1=0.0, b2=0.99),
        "augment": AUGMENTATIONS["ada"],
        "controller": ada(images_to_one=200),
        "r1_weight": 1.0,
        "ema_images": 100.0,
    }
    return make_gan(Generator(16, 1, 8, 8), **(settings | changes))


def plain_gan(**changes):
    """A GAN learner without what takes longest to compile: augmentation and R1."""
    return tiny_gan(**({"augment": None, "controller": chain(), "r1_weight": 0.0} | changes))


def tiny_vae(**changes):
    """A VAE learner with every part in use."""
    settings = {
        "latent_size": 4,
        "likelihood": LIKELIHOODS["gaussian"],
        "optimizer": optax.adam(3e-3),
        "controller": geco(tolerance=0.2, rate=0.05),
        "ema_images": 100.0,
    }
    return make_vae(Vae(16, 1, 8, 4), **(settings | changes))


LEARNERS = {"gan": tiny_gan, "vae": tiny_vae}


def leaves_equal(left, right):
    """Whether two trees are equal bit for bit, random keys included."""
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def types_of(tree):
    """Structure and types of a tree, weak ones told apart: what a compiled function is found by."""
    leaves = [(leaf.shape, leaf.dtype, getattr(leaf, "weak_type", False)) for leaf in jax.tree.leaves(tree)]
    return jax.tree.structure(tree), leaves


def train_config(family, out, **changes):
    """A pretraining of a few seconds. Options of the family may come under its name: `vae=VaeConfig(...)`."""
    settings = {
        "data": "digits",
        "model": changes.pop(family, TINY_OPTIONS.get(family)),
        "size": 16,
        "steps": 4,
        "batch": 8,
        "num_images": 40,
        "log_every": 2,
        "sample_every": 4,
        "save_every": 4,
        "evaluate_every": 0,
        "control": TINY_CONTROL,
        "out": out,
    }
    return TrainConfig(**(settings | changes))


def adapt_config(source, out, **changes):
    """An adaptation of a few seconds."""
    settings = {
        "source": source,
        "data": "glyphs",
        "num_images": 100,
        "shots": 10,
        "steps": 4,
        "log_every": 2,
        "sample_every": 4,
        "save_every": 4,
        "evaluate_every": 0,
        "control": TINY_CONTROL,
        "out": out,
    }
    return AdaptConfig(**(settings | changes))
