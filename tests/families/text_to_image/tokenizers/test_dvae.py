"""The discrete VAE's step: its bound in parts, and the schedules of temperature and KL weight."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tokenizers_tiny import TINY, batch_of, started, tiny_tokenizer

from genjax.control.schedules.schedule import half_cosine

DVAE = dataclasses.replace(TINY, kind="dvae")


@pytest.fixture(scope="module")
def annealed():
    """Metrics of 45 steps."""
    learner, metrics = tiny_tokenizer(DVAE), []
    state, step = started(learner), jax.jit(learner.step, donate_argnums=0)
    for seed in range(45):
        state, measured = step(state, batch_of(8, seed))
        metrics.append({name: float(value) for name, value in measured.items()})
    return metrics


@pytest.mark.slow
def test_the_schedules_are_obeyed(annealed):
    done = jnp.arange(45.0)
    np.testing.assert_allclose(
        [metrics["control/temperature"] for metrics in annealed], half_cosine(1.0, 1 / 16, 40)(done), rtol=1e-5
    )
    np.testing.assert_allclose(
        [metrics["control/kl_weight"] for metrics in annealed], half_cosine(0.0, 0.02, 20)(done), atol=1e-6
    )
    assert annealed[-1]["control/temperature"] == pytest.approx(1 / 16)
    assert annealed[-1]["control/kl_weight"] == pytest.approx(0.02)


def test_the_parts_make_the_loss(annealed):
    for metrics in (annealed[0], annealed[30]):
        held = metrics["control/kl_weight"] * metrics["loss/kl"]
        assert metrics["loss/total"] == pytest.approx(held - metrics["loss/log_likelihood"], rel=1e-5)
        assert metrics["loss/negative_elbo"] == pytest.approx(
            metrics["loss/kl"] - metrics["loss/log_likelihood"], rel=1e-5
        )
        assert 0 <= metrics["loss/kl"] <= 16 * np.log(16)


def test_a_strong_kl_makes_the_codes_uniform():
    """Both terms are sums over an image: a weight of a thousand leaves no nat of information."""
    heavy = dataclasses.replace(DVAE, dvae=dataclasses.replace(DVAE.dvae, kl_weight=1e3, kl_steps=0))
    learner = tiny_tokenizer(heavy)
    state, step, metrics = started(learner), jax.jit(learner.step, donate_argnums=0), {}
    for seed in range(60):
        state, metrics = step(state, batch_of(8, seed))
    assert float(metrics["loss/kl"]) < 0.5


@pytest.mark.slow
def test_the_logit_laplace_likelihood_trains():
    learner = tiny_tokenizer(dataclasses.replace(DVAE, dvae=dataclasses.replace(DVAE.dvae, likelihood="logit_laplace")))
    state, step = started(learner), jax.jit(learner.step, donate_argnums=0)
    errors = []
    for _ in range(60):
        state, metrics = step(state, batch_of(8))
        errors.append(float(metrics["loss/squared_error"]))
    assert errors[-1] < 0.5 * errors[0]
