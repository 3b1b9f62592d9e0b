"""Out of memory: a batch that fits is named, and it does fit by the compiled step's own plan."""

import re

import jax
import pytest
from tiny import plain_gan, tiny_vae, train_config

from genjax.devices import memory
from genjax.errors import InputError
from genjax.training import loop
from genjax.training.loop import train


@pytest.fixture(autouse=True)
def planned_once(monkeypatch):
    """The plan of a batch is asked for again and again, and each time the step would be compiled."""
    planned, known = memory.planned, {}

    def once(learner, state, example, batch):
        if batch not in known:
            known[batch] = planned(learner, state, example, batch)
        return known[batch]

    monkeypatch.setattr(memory, "planned", once)


@pytest.mark.parametrize("learner", [plain_gan(), tiny_vae()], ids=["gan", "vae"])
def test_the_batch_that_is_named_fits_and_twice_as_many_do_not(learner, batches):
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    limit = memory.planned(learner, state, batches[0], 64)
    line = memory.advice(learner, state, batches[0], 128, limit)
    (most,) = map(int, re.findall(r"Use --batch (\d+) or smaller", line))
    assert 32 <= most < 64
    assert (
        memory.planned(learner, state, batches[0], most) <= limit < memory.planned(learner, state, batches[0], 2 * most)
    )
    assert "and no other would" in memory.advice(learner, state, batches[0], 128, limit=1000)


@pytest.mark.parametrize(
    ("learner", "fits", "parts"),
    [(plain_gan(critic_steps=3), 32, 1), (tiny_vae(accumulate=4), 20, 4)],
    ids=["several batches", "parts"],
)
def test_the_batch_that_is_named_can_be_computed(learner, fits, parts, batches):
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    limit = memory.planned(learner, state, batches[0], fits)
    line = memory.advice(learner, state, batches[0], 64, limit, parts=parts)
    (most,) = map(int, re.findall(r"--batch 64 does not fit .* Use --batch (\d+) or smaller", line))
    assert 0 < most <= fits
    assert most % parts == 0
    assert "Use a smaller --size" in memory.advice(learner, state, batches[0], 64, limit=1000, parts=parts)


def test_a_step_that_does_not_fit_names_a_batch(tmp_path, monkeypatch):
    def exhausted(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")

    monkeypatch.setattr(loop, "batch_indices", exhausted)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    with pytest.raises(InputError, match="--batch 8 does not fit into memory"):
        train(train_config("vae", tmp_path / "run"))


def test_other_errors_pass(batches):
    learner = tiny_vae()
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    with pytest.raises(jax.errors.JaxRuntimeError), memory.watched(learner, state, batches[0], 8):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")
