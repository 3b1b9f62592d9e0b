"""The learner of a flow's autoencoder: its loss by hand, what it learns, and the scale that it measures at its end."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.families.flow.autoencoder import (
    NETWORK,
    decoder_of,
    encoder_of,
    make_autoencoder,
    reconstruction_loss,
    with_latent_scale,
)
from genjax.models.autoencoder import Autoencoder

MODULE = Autoencoder(size=8, factor=4, channels=1, latents=2, width=8)


@pytest.fixture(scope="module")
def batch():
    shades = np.linspace(0, 255, 12).astype(np.uint8)[:, None, None, None]
    images = np.repeat(np.repeat(shades, 8, axis=1), 8, axis=2)
    images[:, ::2] = 255 - images[:, ::2]
    return {"image": images}


@pytest.fixture(scope="module")
def trained(batch):
    """(learner, first metrics, state after 60 steps, last metrics)."""
    learner = make_autoencoder(MODULE, optimizer=optax.adam(5e-3))
    state, step = jax.jit(learner.init)(jax.random.key(0), batch), jax.jit(learner.step)
    state, first = step(state, batch)
    metrics = first
    for _ in range(59):
        state, metrics = step(state, batch)
    return learner, first, state, metrics


def test_the_loss_is_its_parts_in_closed_form(trained, batch):
    params, key = trained[2].trainable[NETWORK], jax.random.key(3)
    loss, metrics = jax.jit(lambda: reconstruction_loss(MODULE, 0.5, params, batch, key))()
    images = batch["image"].astype(np.float32) / 127.5 - 1
    encode, decode = (
        jax.jit(lambda given, name=name: MODULE.apply({"params": params}, given, method=name))
        for name in ("encode", "decode")
    )
    mean, log_variance = (np.asarray(part) for part in encode(images))
    variance = np.exp(log_variance)
    # KL(N(m, v) | N(0, 1)) = (m^2 + v - 1 - log v) / 2
    kl = (0.5 * (mean**2 + variance - 1 - log_variance)).sum(axis=(1, 2, 3)).mean()
    noise = np.asarray(jax.random.normal(key, (12, 8))).reshape(mean.shape)
    made = decode(mean + np.sqrt(variance) * noise)
    error = np.abs(images - made)
    np.testing.assert_allclose(metrics["loss/kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(metrics["loss/absolute_error"], error.mean(), rtol=1e-4)
    # of sums over the 64 values of an image, each then divided by 64
    np.testing.assert_allclose(loss, (error.sum(axis=(1, 2, 3)).mean() + 0.5 * kl) / 64, rtol=1e-4)


def test_images_come_back_and_the_scale_is_no_part_of_the_training(trained):
    _, first, state, metrics = trained
    assert float(metrics["loss/absolute_error"]) < 0.5 * float(first["loss/absolute_error"])
    np.testing.assert_array_equal(state.trainable[NETWORK]["mean"], np.zeros(2))
    np.testing.assert_array_equal(state.trainable[NETWORK]["deviation"], np.ones(2))


@pytest.mark.parametrize(("process", "deviation"), [("rectified", 1.0), ("edm", 0.5)])
def test_latents_have_the_deviation_that_a_process_is_made_for(trained, batch, process, deviation):
    learner, _, state, _ = trained
    state = with_latent_scale(MODULE, batch["image"], state)
    np.testing.assert_array_equal(state.trainable[NETWORK]["mean"], state.average[NETWORK]["mean"])
    params = state.average[NETWORK]
    latents = np.asarray(jax.jit(encoder_of(MODULE, process))(params, batch["image"]))
    np.testing.assert_allclose(latents.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(latents.std(axis=(0, 1, 2)), deviation, rtol=1e-4)
    back = jax.jit(decoder_of(MODULE, process))(params, jnp.asarray(latents))
    whole = jax.jit(learner.encoder.reconstruct)(state.average, state.context, batch["image"])
    np.testing.assert_allclose(back, whole, atol=1e-4)
    state = jax.jit(learner.step)(state, batch)[0]  # no array lies in two trees, and training can go on


def test_a_channel_that_is_the_same_everywhere_stays_finite(trained):
    _, _, state, _ = trained
    alike = np.full((3, 8, 8, 1), 7, np.uint8)
    scale = with_latent_scale(MODULE, alike, state).average[NETWORK]["deviation"]
    assert np.isfinite(1 / np.asarray(scale)).all()
