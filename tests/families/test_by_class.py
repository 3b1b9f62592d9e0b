"""GANs and VAEs of classes: what they learn of labels, and that penalties and transfers are given them."""

import dataclasses
import signal
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks_by_hand import PIXELS, Constant
from tiny import USUAL, leaves_equal, tiny_model, train_config
from toy_runs import in_step

from genjax.families.gan.learner import make_gan
from genjax.families.labels import penalty_labels
from genjax.families.model import Condition
from genjax.families.registry import build_learner, build_transfers
from genjax.families.vae.learner import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic, Generator
from genjax.models.vae import Vae
from genjax.store.model import load_model
from genjax.training.loop import train
from genjax.tree import flatten

LABELS = np.arange(8) % 2
BLACK_AND_WHITE = {
    "image": np.broadcast_to(255 * LABELS[:, None, None, None], (8, 8, 8, 1)).astype(np.uint8),
    "label": LABELS.astype(np.int32),
}


def black_and_white_gan():
    """A GAN of images that are black or white, by class."""
    adam = partial(optax.adam, b1=0.0, b2=0.99)
    return make_gan(
        Generator(8, 1, 4, 4, classes=2),
        Critic(8, 4, classes=2),
        latent_size=4,
        loss=ADVERSARIAL["non_saturating"],
        optimizer=adam(1e-2),
        critic_optimizer=adam(1e-2),
        ema_images=0.0,
        classes=2,
    )


def black_and_white_vae():
    """A VAE of them, of which nothing is left for the latents to say."""
    likelihood = LIKELIHOODS["gaussian"]
    network, optimizer = Vae(8, 1, 4, 4, classes=2), optax.adam(1e-2)
    return make_vae(
        network, latent_size=4, likelihood=likelihood, optimizer=optimizer, ema_images=0.0, kl_weight=10.0, classes=2
    )


@pytest.mark.parametrize(("make", "steps"), [(black_and_white_gan, 150), (black_and_white_vae, 100)])
def test_each_class_is_drawn_in_its_colour(make, steps):
    learner = make()
    step, state = jax.jit(learner.step), jax.jit(learner.init)(jax.random.key(0), BLACK_AND_WHITE)
    for _ in range(steps):
        state, _ = step(state, BLACK_AND_WHITE)
    draw = jax.jit(learner.sample, static_argnums=2)
    for label, grey in ((0, -1), (1, 1)):
        images = draw(state, jax.random.key(1), 16, jnp.full(16, label))
        np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), grey, atol=0.4)
    in_turn = draw(state, jax.random.key(1), 16)
    np.testing.assert_array_equal(np.sign(in_turn.mean(axis=(1, 2, 3))), np.tile([-1, 1], 8))


class OfClasses(NamedTuple):
    """A VAE of one latent by label: q(z|x, y) = N(m[y], 1), and what is decoded is z + b[y] in every pixel."""

    def init(self, key, images, **kwargs):
        return {"params": {"m": jnp.float32([0.5, -2.0]), "b": jnp.float32([0.1, 0.7])}}

    def apply(self, variables, inputs, **kwargs):
        params, labels, method = variables["params"], kwargs["labels"], kwargs["method"]
        if method == "encode":
            return params["m"][labels][:, None], jnp.zeros((len(inputs), 1))
        return jnp.broadcast_to((inputs[:, 0] + params["b"][labels])[:, None, None, None], (len(inputs), 2, 2, 1))


def test_the_bound_of_a_class_is_that_of_its_own_posterior_and_decoder():
    """KL = m^2 / 2 and, with z = m + noise, -log p = P ((x - z - b)^2 + log(2 pi)) / 2, by the metrics of a step."""
    label, x = 1, 0.3
    settings = {"likelihood": LIKELIHOODS["gaussian"], "optimizer": optax.sgd(1.0), "classes": 2}
    learner = make_vae(OfClasses(), latent_size=1, **settings)
    batch = {"image": jnp.full((8, 2, 2, 1), x), "label": jnp.full(8, label)}
    state = learner.init(jax.random.key(0), batch)
    _, metrics = jax.jit(learner.step)(state, batch)
    m, b = (float(state.trainable["vae"][name][label]) for name in "mb")
    noise_key, _ = jax.random.split(jax.random.fold_in(state.key, 0))
    noise = np.asarray(jax.random.normal(noise_key, (8, 1)), float)[:, 0]
    nats = PIXELS * ((x - m - noise - b) ** 2 + np.log(2 * np.pi)) / 2
    assert float(metrics["loss/kl"]) == pytest.approx(m**2 / 2, rel=1e-5)
    assert float(metrics["loss/negative_elbo"]) == pytest.approx(m**2 / 2 + nats.mean(), rel=1e-5)
    assert learner.encoder is not None
    shown = learner.encoder.reconstruct(state.average, state.context, batch["image"], batch["label"])
    np.testing.assert_allclose(shown, np.full((8, 2, 2, 1), max(-1, m + b)), rtol=1e-5)


class Matching(NamedTuple):
    """A critic: D(x, y) = w + |x - y|, of the first pixel of an image."""

    def init(self, key, images, **kwargs):
        return {"params": {"w": jnp.float32(0.5)}}

    def apply(self, variables, images, **kwargs):
        return variables["params"]["w"] + jnp.abs(images[:, 0, 0, 0] - kwargs["labels"])


@pytest.mark.parametrize("settings", [{}, {"critic_steps": 2}, {"critic_steps": 2, "accumulate": 2}], ids=str)
def test_a_real_image_keeps_its_label_however_a_batch_is_parted(settings):
    labels = np.array([0, 1, 1, 0, 1, 1, 1, 0])
    batch = {"image": jnp.broadcast_to(jnp.float32(labels)[:, None, None, None], (8, 2, 2, 1)), "label": labels}
    learner = make_gan(
        Constant(1.0),
        Matching(),
        latent_size=3,
        loss=ADVERSARIAL["wasserstein"],
        optimizer=optax.sgd(0.0),
        critic_optimizer=optax.sgd(0.0),
        classes=2,
        **settings,
    )
    _, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batch), batch)
    assert float(metrics["logits/real"]) == pytest.approx(0.5)
    last = labels[-8 // settings.get("critic_steps", 1) :]  # generated images of the last turn, each a 1, by its labels
    assert float(metrics["logits/fake"]) == pytest.approx(0.5 + np.mean(last == 0))


def test_labels_of_a_penalty_are_of_all_classes_and_of_its_key_alone():
    keys = jax.random.split(jax.random.key(0), 50)
    drawn = np.stack([np.asarray(penalty_labels(key, 5, 8)) for key in keys])
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, np.full(5, 0.2), atol=0.07)
    np.testing.assert_array_equal(drawn[3], penalty_labels(keys[3], 5, 8))
    assert penalty_labels(keys[0], 0, 8) is None


def of_classes(family: str) -> Any:
    """The config of a tiny model of three classes."""
    return dataclasses.replace(tiny_model(family), condition=Condition("class", ("cat", "dog", "owl")))


@pytest.mark.parametrize("transfer", USUAL)
@pytest.mark.parametrize("family", ["gan", "vae"])
def test_every_transfer_takes_a_step_by_class(family, transfer):
    """By shapes alone: labels reach every part of the step, and the tables of the classes are among the parameters."""
    model = of_classes(family)
    batch = {"image": jnp.zeros((8, 16, 16, 1)), "label": jnp.arange(8) % 3}
    learner = build_learner(model, build_transfers(transfer, model))
    state = jax.eval_shape(learner.init, jax.random.key(0), batch)
    after, _ = jax.eval_shape(learner.step, state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    params = jax.eval_shape(
        lambda state: {n: t.params(state.trainable[n], state.context[n]) for n, t in learner.transfers.items()}, state
    )
    tables = {name: leaf.shape[0] for name, leaf in flatten(params).items() if name.endswith("embedding")}
    assert (
        tables
        == {
            "gan": {"critic/projection/embedding": 3, "generator/class/embedding": 3},
            "vae": {"vae/decoder/class/embedding": 3, "vae/encoder/class/embedding": 3},
        }[family]
    )


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_a_run_by_class_that_was_stopped_goes_on_bit_for_bit(family, tmp_path, monkeypatch):
    config = train_config(family, tmp_path / "run", condition="class", save_every=2)
    whole = train(dataclasses.replace(config, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert train(config).signal == signal.SIGINT
    leaves_equal(whole.state, train(config, resume=True).state)
    assert load_model(config.out).config.condition.names == tuple("0123456789")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gan", "vae"])
def test_a_sample_of_the_source_is_judged_under_its_own_class(family):
    """The Fisher information of a source is that of samples of all its classes."""
    learner = build_learner(of_classes(family))
    batch = {"image": jnp.zeros((8, 16, 16, 1)), "label": jnp.arange(8) % 3}
    params = jax.jit(learner.init)(jax.random.key(0), batch).trainable
    assert learner.evidence is not None
    slopes = jax.jit(jax.vmap(jax.grad(learner.evidence), (None, None, 0)))(
        params, params, jax.random.split(jax.random.key(1), 20)
    )
    (table,) = [
        leaf
        for name, leaf in flatten(slopes).items()
        if name.endswith(("generator/class/embedding", "decoder/class/embedding"))
    ]
    touched = np.abs(table).max(axis=2) > 0  # (samples, classes)
    np.testing.assert_array_equal(touched.sum(axis=1), np.ones(20))
    assert touched.any(axis=0).all()
