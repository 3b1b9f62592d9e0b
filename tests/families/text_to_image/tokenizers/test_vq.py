"""The VQ-VAE's step: its loss in parts, and codes that follow what the encoder gives."""

import dataclasses

import jax
import numpy as np
import pytest
from tokenizers_tiny import TINY, batch_of, started, tiny_tokenizer

from genjax.control import Controller, chain
from genjax.errors import InputError


@pytest.fixture(scope="module")
def one_step():
    """(state before, state after, metrics) of a step."""
    learner = tiny_tokenizer()
    before = started(learner)
    after, metrics = jax.jit(learner.step)(before, batch_of(8))
    return before, after, {name: float(value) for name, value in metrics.items()}


def test_the_parts_make_the_loss(one_step):
    metrics = one_step[2]
    assert metrics["loss/total"] == pytest.approx(
        0.25 * metrics["loss/commitment"] - metrics["loss/log_likelihood"], rel=1e-5
    )
    unit_gaussian = -0.5 * 64 * (metrics["loss/squared_error"] + np.log(2 * np.pi))
    assert metrics["loss/log_likelihood"] == pytest.approx(unit_gaussian, rel=1e-4)


def test_the_codebook_is_moved_by_its_averages_and_not_by_the_optimiser(one_step):
    _, after, _ = one_step
    averages = after.averages
    np.testing.assert_allclose(
        after.trainable["tokenizer"]["codebook"], averages.sums / averages.counts[:, None], rtol=1e-6
    )
    np.testing.assert_array_equal(after.average["tokenizer"]["codebook"], after.trainable["tokenizer"]["codebook"])


@pytest.mark.slow
def test_all_codes_come_into_use_where_there_is_something_to_tell_apart():
    """From one point the codebook is spread by restarts alone; without them most of it stays where it was."""
    used = {}
    for restart_below in (0.05, 0.0):
        vq = dataclasses.replace(TINY.vq, restart_below=restart_below)
        learner = tiny_tokenizer(dataclasses.replace(TINY, vq=vq), images_per_epoch=32)
        state, step, metrics = started(learner), jax.jit(learner.step, donate_argnums=0), {}
        for seed in range(60):
            state, metrics = step(state, batch_of(16, seed))
        used[restart_below] = float(metrics["codebook/usage"])
    assert used[0.05] >= 0.8
    assert used[0.0] < used[0.05]


def test_a_controller_that_cannot_work_is_refused():
    deaf = Controller(lambda: (), lambda signals, state: state, lambda state: {}, reads=("kl",))
    with pytest.raises(InputError, match="reads the signal 'kl', which this learner does not measure"):
        tiny_tokenizer(controller=chain(deaf))
