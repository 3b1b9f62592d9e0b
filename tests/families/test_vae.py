"""The VAE's step: its loss in parts, its knobs, and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import tiny_vae

from genjax.data import load
from genjax.families.vae import LIKELIHOODS


def test_one_batch_is_overfitted_to_half_its_error_in_fifty_steps():
    batch = {"image": load("digits").images[:8]}
    learner = tiny_vae(controller=None, optimizer=optax.adam(1e-2))
    state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step, donate_argnums=0)
    errors = []
    for _ in range(50):
        state, metrics = step(state, batch)
        errors.append(float(metrics["loss/squared_error"]))
    assert errors[-1] < 0.5 * errors[0]


def test_the_parts_make_the_loss(batches):
    learner = tiny_vae(controller=None, kl_weight=3.0)
    _, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batches[0]), batches[0])
    parts = {name.removeprefix("loss/"): float(value) for name, value in metrics.items() if name.startswith("loss/")}
    assert parts["total"] == pytest.approx(3 * parts["kl"] - parts["log_likelihood"], rel=1e-5)
    assert parts["negative_elbo"] == pytest.approx(parts["kl"] - parts["log_likelihood"], rel=1e-5)
    pixels = 16 * 16
    unit_gaussian = -0.5 * parts["squared_error"] * pixels - 0.5 * pixels * np.log(2 * np.pi)
    assert parts["log_likelihood"] == pytest.approx(unit_gaussian, rel=1e-4)


def test_geco_raises_the_weight_while_the_error_is_too_large(compiled, batches):
    learner, step, init = compiled
    if learner.reconstruct is None:
        pytest.skip("of the VAE")
    state = init(jax.random.key(0))
    for batch in batches[:4]:
        state, _ = step(state, batch)
    _, metrics = step(state, batches[4])
    assert float(metrics["control/reconstruction_weight"]) == pytest.approx(np.exp(0.05 * 4), rel=1e-3)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_trains_and_makes_images(likelihood, batches):
    learner = tiny_vae(likelihood=LIKELIHOODS[likelihood])
    state, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batches[0]), batches[0])
    assert all(bool(jnp.isfinite(value)) for value in metrics.values())
    assert learner.reconstruct is not None
    images = learner.reconstruct(state.average, state.context, jnp.asarray(batches[0]["image"]))
    assert images.shape == (8, 16, 16, 1)
    assert float(jnp.abs(images).max()) <= 1
