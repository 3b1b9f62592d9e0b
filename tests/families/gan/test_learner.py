"""The GAN's step: its updates against gradients on paper, and its options."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks_by_hand import PIXELS, gan_by_hand, grey
from tiny import leaves_equal, plain_gan

from genjax.control import Controller, chain
from genjax.losses import ADVERSARIAL

W, FAKE, REAL = 0.5, 0.6, 0.8  # the critic's number, a pixel of generated and of real images


def stepped(learner, batch):
    """(the critic's number, the generator's, metrics) after a step."""
    after, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), batch), batch)
    return float(after.trainable["critic"]["w"]), float(after.trainable["generator"]["b"]), metrics


def test_both_move_by_the_gradients_of_their_losses():
    """The critic's is D(fake) - D(real), the generator's -D(fake) with the critic as it is by then."""
    critic, generator, metrics = stepped(gan_by_hand(), grey(REAL))
    slope = PIXELS * (FAKE**2 - REAL**2) / 2
    assert critic == pytest.approx(W - slope, rel=1e-5)
    assert generator == pytest.approx(FAKE + critic * PIXELS * FAKE, rel=1e-5)
    assert float(metrics["gradient_norm/critic"]) == pytest.approx(abs(slope), rel=1e-5)
    assert float(metrics["loss/critic"]) == pytest.approx(W * slope, rel=1e-5)


# Of the penalties' slopes in w: |w x|^2 / 2 at real and at generated images, (|w x| - 1)^2 between them.
LENGTH = FAKE * PIXELS**0.5
SLOPES = {
    "r1_weight": lambda real: W * PIXELS * real**2,
    "r2_weight": lambda real: W * PIXELS * FAKE**2,
    "gradient_penalty_weight": lambda real: 2 * (W * LENGTH - 1) * LENGTH,
}


@pytest.mark.parametrize(
    ("weights", "real"),
    [
        ({"r1_weight": 2.0}, REAL),
        ({"r2_weight": 3.0}, REAL),
        ({"gradient_penalty_weight": 10.0}, FAKE),  # of a real image as the generated: what lies between is known
        ({"r1_weight": 1.0, "r2_weight": 0.5, "gradient_penalty_weight": 10.0}, FAKE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_the_penalties_are_part_of_the_critics_loss(weights, real):
    critic, _, metrics = stepped(gan_by_hand(**weights), grey(real))
    slope = PIXELS * (FAKE**2 - real**2) / 2 + sum(weight * SLOPES[name](real) for name, weight in weights.items())
    assert critic == pytest.approx(W - slope, rel=1e-5)
    found = {f"{name.removesuffix('_weight').removesuffix('_penalty')}" for name in weights}
    assert {name.removeprefix("penalty/") for name in metrics if name.startswith("penalty/")} == {*found, "transfer"}


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_parts_real_from_generated_and_draws_the_generated_to_the_real(loss):
    """For either side of the decision, as a loss may be flat on one of them."""
    dark = 0.1
    for w in (-0.1, 0.1):
        learner = gan_by_hand(w=w, b=dark, loss=ADVERSARIAL[loss], critic_optimizer=optax.sgd(0.1))
        critic, generator, metrics = stepped(learner, grey(REAL))
        assert critic > w, "real images are brighter, and their logits have to rise above those of generated ones"
        assert np.sign(generator - dark) == np.sign(critic), "the generator goes where the critic's logits are higher"
        assert all(bool(jnp.isfinite(value)) for value in metrics.values())


def test_a_trained_critic_tells_real_from_fake(batches):
    learner = plain_gan(controller=None, optimizer=optax.sgd(0.0))
    step, init = jax.jit(learner.step, donate_argnums=0), jax.jit(lambda key: learner.init(key, batches[0]))
    state = init(jax.random.key(0))
    before = jax.tree.map(np.asarray, state.trainable["generator"])
    for _ in range(29):
        state, _ = step(state, batches[0])
    state, metrics = step(state, batches[0])
    assert float(metrics["logits/real"]) > float(metrics["logits/fake"]) + 1
    assert float(metrics["loss/critic"]) < 0.7
    leaves_equal(state.trainable["generator"], before)


def test_several_critic_steps_take_batches_of_their_own():
    learner = gan_by_hand(critic_steps=2)
    assert learner.batches_per_step == 2
    first, second = 0.8, 0.9
    both = {"image": jnp.concatenate([grey(first)["image"], grey(second)["image"]])}
    state = learner.init(jax.random.key(0), both)
    after, _ = jax.jit(learner.step)(state, both)
    moved = sum(PIXELS * (real**2 - FAKE**2) / 2 for real in (first, second))
    assert float(after.trainable["critic"]["w"]) == pytest.approx(W + moved, rel=1e-5)
    assert float(after.trainable["generator"]["b"]) == pytest.approx(FAKE + (W + moved) * PIXELS * FAKE, rel=1e-5)


def test_lazy_penalties_have_an_update_of_their_own_with_as_much_more_weight():
    """Every second time: none in the first step, 2 r1 R1 after the critic's own update in the second."""
    learner, batch = gan_by_hand(r1_weight=0.01, penalty_every=2, optimizer=optax.sgd(0.0)), grey(REAL)
    state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step)
    slope = PIXELS * (FAKE**2 - REAL**2) / 2
    state, metrics = step(state, batch)
    assert float(state.trainable["critic"]["w"]) == pytest.approx(W - slope, rel=1e-5)
    assert np.isnan(metrics["penalty/r1"])
    state, metrics = step(state, batch)
    own = W - 2 * slope
    assert float(metrics["penalty/r1"]) == pytest.approx(PIXELS * (own * REAL) ** 2 / 2, rel=1e-5)
    assert float(state.trainable["critic"]["w"]) == pytest.approx(own - 2 * 0.01 * own * PIXELS * REAL**2, rel=1e-5)
    assert float(metrics["gradient_norm/critic"]) == pytest.approx(abs(slope), rel=1e-5)


def test_lazy_penalties_are_the_same_of_a_batch_in_parts():
    batch = {"image": jnp.concatenate([grey(REAL)["image"], grey(0.4)["image"]])}

    def after_two(accumulate):
        learner = gan_by_hand(r1_weight=0.01, r2_weight=0.02, penalty_every=2, accumulate=accumulate)
        state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step)
        state, _ = step(state, batch)
        state, metrics = step(state, batch)
        return float(state.trainable["critic"]["w"]), float(metrics["penalty/r1"]), float(metrics["penalty/r2"])

    assert np.isfinite(after_two(1)).all()
    assert after_two(2) == pytest.approx(after_two(1), rel=1e-5)


def test_a_lazy_penalty_that_is_not_finite_is_skipped_and_told():
    """Its norm takes the place of the loss's, so that a collapse guard sees it."""
    learner, batch = gan_by_hand(r1_weight=float("inf"), penalty_every=2), grey(REAL)
    state, step = learner.init(jax.random.key(0), batch), jax.jit(learner.step)
    state, metrics = step(state, batch)
    assert np.isfinite(metrics["gradient_norm/critic"])
    assert int(metrics["skipped/critic"]) == 0
    state, metrics = step(state, batch)
    assert not np.isfinite(metrics["gradient_norm/critic"])
    assert int(metrics["skipped/critic"]) == 1
    assert np.isfinite(state.trainable["critic"]["w"])


def test_of_a_step_in_which_the_generator_pauses_no_gradient_is_known():
    """0 would pass for an unusually short gradient, and a guard would hold the next ones for unusually long."""
    pausing = Controller(
        init=lambda: jnp.zeros(()),
        update=lambda signals, state: signals["generator_gradient_norm"],
        knobs=lambda state: {"generator_turn": jnp.zeros(())},
        reads=("generator_gradient_norm",),
        sets=("generator_turn",),
    )
    learner = gan_by_hand(controller=chain(pausing))
    state = learner.init(jax.random.key(0), grey(REAL))
    after, _ = jax.jit(learner.step)(state, grey(REAL))
    assert np.isnan(after.control[0])
    leaves_equal(after.trainable["generator"], state.trainable["generator"])
    assert float(after.trainable["critic"]["w"]) > W


def test_the_critic_judges_images_as_they_are():
    """D(x) = w |x|^2 / 2; the augmentation of its training is left out."""
    learner = gan_by_hand(augment=lambda key, images, probability: images * 0)
    state = learner.init(jax.random.key(0), grey(REAL))
    assert learner.critic is not None
    logits = learner.critic(state.trainable, state.context, grey(REAL))
    np.testing.assert_allclose(logits, W * PIXELS * REAL**2 / 2, rtol=1e-5)
