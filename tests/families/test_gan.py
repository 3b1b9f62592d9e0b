"""The GAN's step: its updates against ones made by hand, and its options."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import leaves_equal, tiny_gan

from genjax.control import Controller, chain
from genjax.losses import ADVERSARIAL
from genjax.tree import flatten

PLAIN = {"augment": None, "controller": None, "r1_weight": 0.0}


def test_the_critics_update_is_the_gradient_of_its_loss(batches):
    """Plain gradient descent with rate 1: the parameters move by the gradient that its norm reports."""
    learner = tiny_gan(**PLAIN, optimizer=optax.sgd(0.0), critic_optimizer=optax.sgd(1.0))
    state = learner.init(jax.random.key(0), batches[0])
    after, metrics = jax.jit(learner.step)(state, batches[0])
    moved = jax.tree.map(jnp.subtract, state.trainable["critic"], after.trainable["critic"])
    norm = float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(moved))))
    assert norm == pytest.approx(float(metrics["gradient_norm/critic"]), rel=1e-3)
    for name, leaf in flatten(after.trainable["generator"]).items():
        np.testing.assert_array_equal(leaf, flatten(state.trainable["generator"])[name])


def test_a_trained_critic_tells_real_from_fake(batches):
    learner = tiny_gan(**PLAIN, optimizer=optax.sgd(0.0))
    state, step = learner.init(jax.random.key(0), batches[0]), jax.jit(learner.step, donate_argnums=0)
    for _ in range(29):
        state, _ = step(state, batches[0])
    _, metrics = step(state, batches[0])
    assert float(metrics["logits/real"]) > float(metrics["logits/fake"]) + 1
    assert float(metrics["loss/critic"]) < 0.7


def test_several_critic_steps_take_batches_of_their_own(batches):
    learner = tiny_gan(**PLAIN, critic_steps=2)
    assert learner.batches_per_step == 2
    both = {"image": np.concatenate([batches[0]["image"], batches[1]["image"]])}
    state = learner.init(jax.random.key(0), batches[0])
    after, metrics = jax.jit(learner.step)(state, both)
    assert int(after.optimizer["critic"].state[0].count) == 2
    assert int(after.optimizer["generator"].state[0].count) == 1
    assert bool(jnp.isfinite(metrics["loss/critic"]))


def test_of_a_step_in_which_the_generator_pauses_no_gradient_is_known(batches):
    """0 would pass for an unusually short gradient, and a guard would hold the next ones for unusually long."""
    pausing = Controller(
        init=lambda: jnp.zeros(()),
        update=lambda signals, state: signals["generator_gradient_norm"],
        knobs=lambda state: {"generator_turn": jnp.zeros(())},
        reads=("generator_gradient_norm",),
        sets=("generator_turn",),
    )
    learner = tiny_gan(**(PLAIN | {"controller": chain(pausing)}))
    state = learner.init(jax.random.key(0), batches[0])
    after, _ = jax.jit(learner.step)(state, batches[0])
    assert np.isnan(after.control[0])
    leaves_equal(after.trainable["generator"], state.trainable["generator"])


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_trains(loss, batches):
    learner = tiny_gan(**PLAIN, loss=ADVERSARIAL[loss])
    _, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batches[0]), batches[0])
    assert all(bool(jnp.isfinite(value)) for value in metrics.values())


def test_the_penalties_are_part_of_the_critics_loss(batches):
    learner = tiny_gan(augment=None, controller=None, r1_weight=1.0, r2_weight=0.5, gradient_penalty_weight=10.0)
    _, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batches[0]), batches[0])
    assert {"penalty/r1", "penalty/r2", "penalty/gradient"} <= set(metrics)
    assert float(metrics["penalty/r1"]) > 0
