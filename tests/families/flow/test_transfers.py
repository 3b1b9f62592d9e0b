"""Every transfer on a flow: it begins with the images of the source, and a step moves them."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_FLOW, USUAL

from genjax.config import ModelConfig
from genjax.errors import InputError
from genjax.families.flow.learner import NETWORK
from genjax.families.flow.options import UnetConfig
from genjax.families.registry import build_learner, build_transfers
from genjax.tree import flatten, unflatten

OPTIONS = dataclasses.replace(TINY_FLOW, ema_widths=(0.1,))
MODEL = ModelConfig("flow", 16, 1, "float32", 8, OPTIONS)
UNET = UnetConfig(width=4, multipliers=(1,), attention=(16,))  # every kind of layer, at one size
OF_UNET = dataclasses.replace(MODEL, options=dataclasses.replace(OPTIONS, network="unet", unet=UNET))
BATCH = {"image": np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), dtype=np.uint8)}
CHAINS = ["freeze,lora", "l2_sp,lora", "replay,freeze", "ewc,cdc"]
NAMES = [name for name in USUAL if name != "miner"]


@pytest.fixture(scope="module")
def source():
    """Parameters of a flow that is not at its beginning, where most of its output is zero."""
    return drawn(MODEL)


def drawn(model):
    shapes = jax.eval_shape(build_learner(model).init, jax.random.key(0), BATCH).trainable[NETWORK]
    rng = np.random.default_rng(0)
    return unflatten(
        {name: jnp.asarray(0.2 * rng.normal(size=leaf.shape), leaf.dtype) for name, leaf in flatten(shapes).items()}
    )


def begun(transfer, source, model=MODEL):
    """A learner of this transfer and its first state, with the same information about every parameter."""
    information = {NETWORK: jax.tree.map(jnp.ones_like, source)}
    learner = build_learner(model, build_transfers(transfer, model, information))
    return learner, jax.jit(learner.init)(jax.random.key(0), BATCH, source={NETWORK: source})


@pytest.mark.slow
@pytest.mark.parametrize("transfer", [*NAMES, *CHAINS])
def test_it_begins_with_the_images_of_the_source_and_trains(transfer, source):
    begins_with_the_source_and_trains(transfer, source, MODEL)


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["freeze,lora", "singular_values", "kernel_modulation", "cdc"])
def test_so_does_a_u_net(transfer):
    begins_with_the_source_and_trains(transfer, drawn(OF_UNET), OF_UNET)


@cache
def images_of_the_source(model):
    """(latents, the images that the source makes of them)."""
    flow = build_learner(model)
    assert flow.latents is not None
    latents = flow.latents.draw(jax.random.key(1), 4)
    return latents, jax.jit(flow.latents.generate)({NETWORK: drawn(model)}, {NETWORK: ()}, latents)


def begins_with_the_source_and_trains(transfer, source, model):
    learner, state = begun(transfer, source, model)
    latents, plain = images_of_the_source(model)
    assert learner.latents is not None
    generate = jax.jit(learner.latents.generate)
    np.testing.assert_allclose(generate(state.trainable, state.context, latents), plain, atol=1e-5)
    after, metrics = jax.jit(learner.step)(state, BATCH)
    assert all(np.isfinite(value) for value in metrics.values())
    assert float(jnp.abs(generate(after.trainable, after.context, latents) - plain).max()) > 1e-5


def test_what_is_frozen_by_default_stays(source):
    _, state = begun("freeze", source)
    assert sorted({name.split("/")[0] for name in flatten(state.context[NETWORK])}) == [
        "block_0",
        "column",
        "level",
        "patch",
        "row",
    ]
    assert "block_0/qkv/kernel" not in flatten(state.trainable[NETWORK])


def test_a_low_rank_update_is_of_attention_perceptron_and_modulation(source):
    _, state = begun("lora", source)
    updated = {name.removesuffix("/down") for name in flatten(state.trainable[NETWORK]) if name.endswith("/down")}
    assert {"block_0/qkv/kernel", "block_0/expand/kernel", "block_0/modulation/kernel"} <= updated


def test_moved_latents_are_refused_with_the_reason(source):
    with pytest.raises(InputError, match=r"a flow has no latents that a transfer could move\. Leave miner out"):
        build_learner(MODEL, build_transfers("miner", MODEL))
