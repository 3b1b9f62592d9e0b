"""The flow learner: what it draws after it was trained, what it drops, what it measures."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.control import chain
from genjax.errors import InputError
from genjax.families.flow.learner import NETWORK, SIGNALS, make_flow
from genjax.families.model import NO_CONDITION, Condition
from genjax.losses.flow import edm, rectified
from genjax.models.dit import Dit
from genjax.transfer import full, miner
from genjax.tree import flatten

SIZE = 8
CLASSES = Condition("class", ("dark", "bright"))


def learner(process=None, condition=NO_CONDITION, **changes):
    network = Dit(1, 4, 32, 1, 2, classes=len(condition.names))
    settings = {"optimizer": optax.adam(5e-3), "condition": condition}
    return make_flow(network, process or rectified(), size=SIZE, channels=1, **(settings | changes))


def trained(flow, batch, steps, compiled=None):
    init, step = compiled or (jax.jit(flow.init), jax.jit(flow.step, donate_argnums=0))
    state, metrics = init(jax.random.key(0), batch), {}
    for _ in range(steps):
        state, metrics = step(state, batch)
    return state, metrics


def filled(images):
    """A batch of 32 images of these, uint8: one program serves all tests of a learner."""
    return {"image": np.repeat(images, 32 // len(images), axis=0)}


@pytest.fixture(scope="module")
def plain():
    """A learner without a condition, and its (init, step) compiled."""
    flow = learner()
    return flow, (jax.jit(flow.init), jax.jit(flow.step, donate_argnums=0))


@pytest.mark.parametrize("process", [None, rectified("image"), edm()], ids=["velocity", "image", "edm"])
def test_one_image_is_learned_and_drawn(process, plain):
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 1), dtype=np.uint8)
    flow, compiled = plain if process is None else (learner(process), None)
    state, metrics = trained(flow, filled(image), 300, compiled)
    assert flow.sample is not None
    drawn = jax.jit(flow.sample, static_argnums=2)(state, jax.random.key(1), 4)
    assert drawn.shape == (4, SIZE, SIZE, 1)
    assert float(jnp.abs(drawn - (image / 127.5 - 1)).mean()) < 0.12
    assert set(SIGNALS) >= {"loss_clean", "loss_middle", "loss_noisy"}
    assert {"loss/clean", "loss/middle", "loss/noisy", "loss/total"} <= set(metrics)


def test_a_class_is_drawn_as_it_was_shown():
    flow = learner(condition=CLASSES, null_probability=0.2)
    images = np.repeat(np.array([-0.8, 0.8], np.float32), 16)[:, None, None, None] * np.ones((1, SIZE, SIZE, 1))
    state, _ = trained(flow, {"image": images.astype(np.float32), "label": np.repeat([0, 1], 16)}, 200)
    assert flow.latents is not None
    generate, latents = jax.jit(flow.latents.generate), flow.latents.draw(jax.random.key(2), 64)
    for label, mean in ((0, -0.8), (1, 0.8)):
        drawn = generate(state.average, state.context, latents, jnp.full(64, label))
        assert abs(float(drawn.mean()) - mean) < 0.15
    alone = generate(state.average, state.context, latents)  # without a class some of each
    bright = float((alone.mean(axis=(1, 2, 3)) > 0).mean())
    assert 0.15 < bright < 0.85


def test_an_image_comes_back_from_its_latents(plain):
    flow, compiled = plain
    pixels = np.random.default_rng(0).integers(64, 192, (4, SIZE, SIZE, 1), dtype=np.uint8)
    state, _ = trained(flow, filled(pixels), 50, compiled)
    images = pixels / np.float32(127.5) - 1
    assert flow.encoder is not None
    back = jax.jit(flow.encoder.reconstruct)(state.average, state.context, images)
    assert float(jnp.abs(back - images).mean()) < 0.03


def test_the_first_loss_is_that_of_a_network_that_says_nothing(plain):
    """At zero output rectified flow's loss is E|e - x|^2 = 1 + E x^2. Of 256 images, 32 under each of eight keys."""
    _, (init, step) = plain
    batch = filled(np.full((1, SIZE, SIZE, 1), 191, np.uint8))
    losses = [float(step(init(key, batch), batch)[1]["loss/total"]) for key in jax.random.split(jax.random.key(0), 8)]
    assert np.mean(losses) == pytest.approx(1 + (191 / 127.5 - 1) ** 2, abs=0.03)


def test_images_of_a_penalty_come_with_features_of_each_image(plain):
    flow, (init, _) = plain
    state = init(jax.random.key(0), filled(np.zeros((1, SIZE, SIZE, 1), np.uint8)))
    assert flow.evidence is not None
    evidence = jax.jit(flow.evidence)
    params = {NETWORK: full().params(state.trainable[NETWORK], ())}
    value = evidence(params, params, jax.random.key(0))
    assert float(value) < 0
    assert float(value) != float(evidence(params, params, jax.random.key(1)))


def test_parts_of_a_batch_train_as_far_as_the_whole(plain):
    batch = filled(np.random.default_rng(0).integers(0, 256, (32, SIZE, SIZE, 1), dtype=np.uint8))
    flow, compiled = plain
    _, whole = trained(flow, batch, 30, compiled)
    split = learner(accumulate=2)
    _, parts = trained(split, batch, 30, (compiled[0], jax.jit(split.step, donate_argnums=0)))
    assert float(parts["loss/total"]) == pytest.approx(float(whole["loss/total"]), rel=0.3)


def test_a_transfer_that_moves_latents_is_refused():
    with pytest.raises(InputError, match=r"a flow has no latents that a transfer could move\. Leave miner out"):
        learner(transfer=miner(SIZE**2), controller=chain())


def test_only_the_tables_of_a_condition_are_there():
    plain = jax.eval_shape(learner().init, jax.random.key(0), {"image": np.zeros((1, SIZE, SIZE, 1), np.uint8)})
    assert not [name for name in flatten(plain.trainable) if "class" in name or "caption" in name]


@pytest.mark.parametrize("value", [0, 255])
def test_the_fit_of_a_fresh_network_is_that_of_no_velocity(value, plain):
    """A fresh network says 0, and the velocity is noise minus image: its square is 1 + x^2 in the mean."""
    flow, (init, _) = plain
    batch = filled(np.full((1, SIZE, SIZE, 1), value, np.uint8))
    state = init(jax.random.key(0), batch)
    assert flow.fit is not None
    fit = jax.jit(flow.fit)(state.average, state.context, batch, jax.random.key(1))
    assert fit.shape == (32,)
    each = np.sqrt((2 + 4) / (SIZE**2 * 16))  # deviation of a mean of 64 values and 16 levels: (n - x)^2 has 2 + 4 x^2
    np.testing.assert_allclose(fit, 2.0, atol=5 * each)
    assert abs(float(fit.mean()) - 2) < 4 * each / np.sqrt(32)


def test_the_fit_never_drops_a_condition():
    flow = learner(condition=CLASSES, null_probability=1.0)
    assert flow.fit is not None
    batch = filled(np.zeros((1, SIZE, SIZE, 1), np.uint8)) | {"label": np.zeros(32, np.int32)}
    state = jax.jit(flow.init)(jax.random.key(0), batch)
    shaken = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(jax.random.key(2), leaf.shape), state.average)
    fit = jax.jit(flow.fit)
    dark, bright = (
        fit(shaken, state.context, batch | {"label": np.full(32, label, np.int32)}, jax.random.key(1))
        for label in (0, 1)
    )
    assert float(jnp.abs(dark - bright).min()) > 0
