"""Out of memory: a batch that fits is named, and it does fit by the compiled step's own plan."""

import re

import jax
import pytest
from networks_by_hand import ConstantVae, gan_by_hand, grey, vae_by_hand
from tiny import train_config

from genjax.devices import memory
from genjax.errors import InputError
from genjax.training import stage
from genjax.training.loop import train

SIZE = 16  # the images take most of the room
EXAMPLE = grey(0.5, size=SIZE)
VAE = ConstantVae(1.5, 0.3, 0.2, SIZE)


def first_state(learner):
    """The shapes of a state before the first step."""
    return jax.eval_shape(learner.init, jax.random.key(0), EXAMPLE)


@pytest.mark.parametrize("learner", [gan_by_hand(size=SIZE, r1_weight=1.0), vae_by_hand(VAE)], ids=["gan", "vae"])
def test_the_batch_that_is_named_fits_and_twice_as_many_do_not(learner):
    state = first_state(learner)
    limit = memory.planned(learner, state, EXAMPLE, 64)
    line = memory.advice(learner, state, EXAMPLE, 128, limit)
    (most,) = map(int, re.findall(r"Use --batch (\d+) or smaller", line))
    assert 32 <= most < 64
    assert memory.planned(learner, state, EXAMPLE, most) <= limit < memory.planned(learner, state, EXAMPLE, 2 * most)
    assert "and no other would" in memory.advice(learner, state, EXAMPLE, 128, limit=10)


@pytest.mark.parametrize(
    ("learner", "fits", "parts"),
    [(gan_by_hand(size=SIZE, critic_steps=3), 32, 1), (vae_by_hand(VAE, accumulate=4), 20, 4)],
    ids=["several batches", "parts"],
)
def test_the_batch_that_is_named_can_be_computed(learner, fits, parts):
    state = first_state(learner)
    limit = memory.planned(learner, state, EXAMPLE, fits)
    line = memory.advice(learner, state, EXAMPLE, 64, limit, parts=parts)
    (most,) = map(int, re.findall(r"--batch 64 does not fit .* Use --batch (\d+) or smaller", line))
    assert 0 < most <= fits
    assert most % parts == 0
    assert memory.planned(learner, state, EXAMPLE, most) <= limit
    assert "Use a smaller --size" in memory.advice(learner, state, EXAMPLE, 64, limit=10, parts=parts)


def test_a_step_that_does_not_fit_names_a_batch(tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")

    monkeypatch.setattr(stage, "batch_indices", exhausted)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    monkeypatch.setattr(memory, "planned", lambda learner, state, example, batch: 10**5 + 2 * 10**5 * batch)
    with pytest.raises(InputError, match=r"--batch 8 does not fit into memory: .* Use --batch 4 or smaller"):
        train(train_config("vae", tmp_path / "run"))


def test_other_errors_pass():
    learner = vae_by_hand(VAE)
    with pytest.raises(jax.errors.JaxRuntimeError), memory.watched(learner, first_state(learner), EXAMPLE, 8):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")
