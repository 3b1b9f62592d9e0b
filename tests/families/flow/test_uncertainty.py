"""A flow whose noise levels are weighed by a learned uncertainty: its gradients, its training, and where it is kept."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import TINY_FLOW, adapt_config, leaves_equal, train_config
from toy_runs import genjax

from genjax.api import load
from genjax.config import ModelConfig
from genjax.families.flow.family import process_of
from genjax.families.flow.learner import NETWORK, UNCERTAINTY, Flow, make_flow, network_of, regression
from genjax.families.flow.options import FlowConfig
from genjax.families.model import NO_CONDITION
from genjax.families.registry import FAMILIES, build_learner, build_transfers
from genjax.losses.flow import spread_uniforms
from genjax.models.dit import Dit
from genjax.models.uncertainty import Uncertainty
from genjax.store.model import load_model
from genjax.training.loop import adapt, train
from genjax.transfer import full
from genjax.tree import flatten

SIZE = 8
WEIGHED = dataclasses.replace(TINY_FLOW, uncertainty=True)
BATCH = {"image": np.random.default_rng(0).integers(0, 256, (32, SIZE, SIZE, 1), dtype=np.uint8)}
BATCH16 = {"image": np.zeros((8, 16, 16, 1), np.uint8)}
KINDS = {
    "velocity": FlowConfig(),
    "image": FlowConfig(prediction="image"),
    "edm": FlowConfig(process="edm"),
    "mean": FlowConfig(process="mean"),
    "ddpm": FlowConfig(process="ddpm"),
}


class Wave:
    """A network of two numbers, that knows of its levels: its gradients compile in no time."""

    def init(self, key, images, levels, condition):
        raise NotImplementedError

    def apply(self, variables, images, levels, condition, spans=0.0):
        params = variables["params"]
        return params["scale"] * images * jnp.cos(levels + spans)[:, None, None, None] + params["shift"]


def of_size_16(options):
    return ModelConfig("flow", 16, 1, "float32", 8, options)


def apart(module) -> Any:
    """The module, whose outputs are then of any type."""
    return module


def bent(params):
    """The parameters of a head that says something else at every level."""
    return jax.tree.map(lambda leaf: jnp.asarray(0.1 * np.random.default_rng(1).normal(size=leaf.shape)), params)


@pytest.mark.parametrize("kind", KINDS)
def test_the_networks_gradient_is_that_of_the_weighted_loss(kind):
    process, head, module = process_of(KINDS[kind]), apart(Uncertainty()), apart(Wave())
    flow = Flow(module, process, SIZE, 1, NO_CONDITION, full(), 0.0, 2, uncertainty=head)
    params = {"scale": jnp.float32(0.3), "shift": jnp.float32(-0.1)}
    weights = bent(head.init(jax.random.key(0), jnp.zeros(1))["params"])
    key = jax.random.key(2)

    def by_hand(params):
        """E[sg(w) L / exp(u)], written out with the draws of the step."""
        time_key, noise_key, _ = jax.random.split(key, 3)
        images = jnp.asarray(BATCH["image"] / np.float32(127.5) - 1)
        times = process.times(spread_uniforms(time_key, 32))
        pair = process.pairs(jax.random.fold_in(time_key, 1), times) if process.pairs else (times,)
        noise = jax.random.normal(noise_key, images.shape)
        losses = process.loss(network_of(flow, params, None), images, noise, *pair)
        own = process.weight(losses) if process.weight else 1.0
        u = head.apply({"params": weights}, process.level(pair[0]))
        return (jax.lax.stop_gradient(own / jnp.exp(u)) * losses).mean()

    found = jax.jit(jax.grad(lambda params: regression(flow, params, BATCH, key, weights)[0]))(params)
    expected = jax.jit(jax.grad(by_hand))(params)
    assert any(float(jnp.abs(leaf).max()) > 1e-4 for leaf in jax.tree.leaves(found))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected)


@pytest.mark.parametrize("process", ["rectified", "edm"])
def test_it_learns_the_loss_of_each_level_beside_the_network(process):
    learner = make_flow(
        Dit(1, 4, 16, 1, 2),
        process_of(FlowConfig(process=process)),
        size=SIZE,
        channels=1,
        optimizer=optax.adam(3e-3),
        uncertainty=Uncertainty(),
    )
    state, step = jax.jit(learner.init)(jax.random.key(0), BATCH), jax.jit(learner.step, donate_argnums=0)
    assert set(state.trainable) == {NETWORK, UNCERTAINTY}
    assert set(state.average) == {NETWORK}  # no image is made by the other
    kept = []
    for _ in range(150):
        state, metrics = step(state, BATCH)
        kept.append({name: float(value) for name, value in metrics.items()})
    assert kept[0]["uncertainty/clean"] == kept[0]["uncertainty/noisy"] == 0  # the first step is that without it
    for level in ("clean", "middle", "noisy"):
        loss = np.mean([one[f"loss/{level}"] for one in kept[-30:]])
        assert np.mean([one[f"uncertainty/{level}"] for one in kept[-30:]]) == pytest.approx(np.log(loss), abs=0.25)


def test_without_it_nothing_is_added():
    plain, weighed = of_size_16(TINY_FLOW), of_size_16(WEIGHED)
    shapes = {
        name: jax.eval_shape(build_learner(model).init, jax.random.key(0), BATCH16)
        for name, model in (("plain", plain), ("weighed", weighed))
    }
    assert set(shapes["plain"].trainable) == set(shapes["plain"].optimizer) == {NETWORK}
    assert jax.tree.structure(shapes["plain"].trainable[NETWORK]) == jax.tree.structure(
        shapes["weighed"].trainable[NETWORK]
    )
    flow = FAMILIES["flow"]
    assert flow.networks(plain) == flow.published(plain) == flow.published(weighed) == (NETWORK,)
    assert flow.networks(weighed) == (NETWORK, UNCERTAINTY)


@pytest.mark.parametrize("transfer", ["lora", "freeze", "l2_sp"])
def test_any_transfer_trains_it_in_full(transfer):
    model = of_size_16(WEIGHED)
    learner = build_learner(model, build_transfers(transfer, model))
    shapes = jax.eval_shape(learner.init, jax.random.key(0), BATCH16)
    assert list(flatten(shapes.trainable[UNCERTAINTY])) == ["head/kernel"]
    assert shapes.context[UNCERTAINTY] == ()


@pytest.mark.slow
def test_a_run_goes_on_bit_for_bit_and_is_adapted_averaged_and_sampled(tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(train_config("flow", whole, flow=WEIGHED))
    train(train_config("flow", parts, flow=WEIGHED, steps=2))
    train(train_config("flow", parts, flow=WEIGHED), resume=True)
    one, other = load_model(whole), load_model(parts)
    assert set(one.networks) == {NETWORK, UNCERTAINTY}
    assert one.identity == other.identity
    leaves_equal(one.networks, other.networks)
    assert float(jnp.abs(one.networks[UNCERTAINTY]["head"]["kernel"]).max()) > 0
    assert set(load(whole).loaded.model.networks) == {NETWORK}  # what draws does not know of it
    adapt(adapt_config(whole, tmp_path / "adapted", transfer="lora"))
    adapted = load_model(tmp_path / "adapted")
    assert bool(jnp.any(adapted.networks[UNCERTAINTY]["head"]["kernel"] != one.networks[UNCERTAINTY]["head"]["kernel"]))
    adapt(adapt_config(whole, tmp_path / "few", transfer="full", adaptation=few_steps()))
    for run in (whole, tmp_path / "adapted", tmp_path / "few"):
        assert genjax("sample", run, "--num", 4, "--out", tmp_path / f"{run.name}.png") == 0
        assert genjax("doctor", run) == 0
    assert genjax("average", whole, "--sigma-rel", 0.07) == 0
    assert UNCERTAINTY in load_model(tmp_path / "whole-average-0.07").networks


def few_steps():
    return FAMILIES["flow"].adaptation(few_steps=True)
