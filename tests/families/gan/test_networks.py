"""Every network of a GAN: what is frozen of it, how small a low-rank update is, and all transfers on it."""

import dataclasses
from functools import cache
from typing import get_args, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_GAN, USUAL

from genjax.config import GanConfig, ModelConfig
from genjax.errors import InputError
from genjax.families.gan.networks import GAN_NETWORKS
from genjax.families.registry import build_learner, build_transfers
from genjax.tree import flatten

BATCH = {"image": np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype=np.uint8)}


def model_of(network, size=16, options=TINY_GAN, **changes):
    return ModelConfig("gan", size, 1, "float32", 8, dataclasses.replace(options, network=network, **changes))


def shapes(model, transfer=()):
    """The first state of an adaptation, without computing it."""
    learner, images = (
        build_learner(model, build_transfers(transfer, model)),
        {"image": np.zeros((8, model.size, model.size, 1), np.uint8)},
    )
    return jax.eval_shape(learner.init, jax.random.key(0), images)


def number(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_the_options_are_those_of_the_table():
    assert get_args(get_type_hints(GanConfig)["network"]) == tuple(GAN_NETWORKS)


@pytest.mark.parametrize("network", GAN_NETWORKS)
def test_freezing_holds_the_critics_lower_layers_and_trains_the_last_before_its_head(network):
    state = shapes(model_of(network, size=32), "freeze")
    frozen = {name.split("/")[0] for name in flatten(state.context["critic"])}
    trained = {name.split("/")[0] for name in flatten(state.trainable["critic"])}
    assert {"down_16", "down_8"} <= frozen <= {"image", "attention", "down_16", "down_8"}
    assert {"down_4", "head"} <= trained
    assert not frozen & trained


def test_latents_that_biggan_cannot_split_are_refused():
    with pytest.raises(InputError, match=r"--gan\.latent-size 2: biggan splits latents into 3 parts at 16 pixels"):
        build_learner(model_of("biggan", latent_size=2))


def test_a_low_rank_update_of_a_stylegan2_is_under_a_tenth_of_its_generator():
    whole, updated = (shapes(model_of("stylegan2", 32, GanConfig()), transfer) for transfer in ((), "lora"))
    added = {
        name: leaf for name, leaf in flatten(updated.trainable["generator"]).items() if name.endswith(("/down", "/up"))
    }
    assert any(name.startswith("conv_16") for name in added)
    assert 0 < number(added) < number(whole.trainable["generator"]) / 10


@cache
def source(network):
    """Parameters of a source, and its images of four latents."""
    learner = build_learner(model_of(network))
    params = jax.jit(learner.init)(jax.random.key(0), BATCH).trainable
    assert learner.latents is not None
    latents = learner.latents.draw(jax.random.key(1), 4)
    return params, latents, jax.jit(learner.latents.generate)(params, {"generator": (), "critic": ()}, latents)


# `biggan` shares all its layers but attention with `resnet`: of it those that read features, evidence or kernels.
SHARED = {"dcgan": (), "biggan": ("ewc", "cdc", "miner", "lora")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "transfer"), [(network, name) for network in GAN_NETWORKS for name in SHARED.get(network, USUAL)]
)
def test_every_transfer_begins_with_the_images_of_the_source_and_trains(network, transfer):
    model, (params, latents, expected) = model_of(network), source(network)
    information = {name: jax.tree.map(jnp.ones_like, tree) for name, tree in params.items()}
    learner = build_learner(model, build_transfers(transfer, model, information))
    assert learner.latents is not None
    state = jax.jit(learner.init)(jax.random.key(0), BATCH, source=params)
    generate = jax.jit(learner.latents.generate)
    np.testing.assert_allclose(generate(state.trainable, state.context, latents), expected, atol=1e-5)
    after, metrics = jax.jit(learner.step)(state, BATCH)
    assert all(np.isfinite(value) for value in metrics.values())
    assert float(jnp.abs(generate(after.trainable, after.context, latents) - expected).max()) > 1e-5
