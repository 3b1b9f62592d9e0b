"""Techniques of the field in the losses of a GAN: each by hand, and all together."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks_by_hand import PIXELS, Constant, Quadratic, gan_by_hand, grey

from genjax.control import Controller, chain
from genjax.errors import InputError
from genjax.families.gan.learner import make_gan
from genjax.families.gan.objectives import PenaltyWeights, critic_objective, generator_objective
from genjax.families.gan.pairs import pairs_of
from genjax.families.gan.techniques import NEAR_KEY, Techniques, near_latents, shifted
from genjax.losses import ADVERSARIAL
from genjax.losses.adversarial import smoothed
from genjax.models.dcgan import Critic, Generator

W, FAKE, REAL = 0.5, 0.6, 0.8
KEY = jax.random.key(0)


class Scaled(NamedTuple):
    """A generator: every pixel is b z, z the first number of the latent."""

    b: float

    def init(self, key, latents, **kwargs):
        return {"params": {"b": jnp.float32(self.b)}}

    def apply(self, variables, latents, **kwargs):
        images = variables["params"]["b"] * jnp.broadcast_to(latents[:, 0, None, None, None], (len(latents), 2, 2, 1))
        return (images, {}) if "mutable" in kwargs else images


class WithFeatures(NamedTuple):
    """The critic `Quadratic`, whose features are w times the mean pixel and its square."""

    w: float

    def init(self, key, images, **kwargs):
        return Quadratic(self.w).init(key, images)

    def apply(self, variables, images, method=None, **kwargs):
        if method == "features":
            mean = images.mean(axis=(1, 2, 3))
            return variables["params"]["w"] * jnp.stack([mean, mean**2], axis=1)
        return Quadratic(self.w).apply(variables, images)


def stepped(learner, batch, steps=1):
    state, step, metrics = learner.init(KEY, batch), jax.jit(learner.step), {}
    for _ in range(steps):
        state, metrics = step(state, batch)
    return state, metrics


def made(learner_settings=None, **techniques):
    return gan_by_hand(**(learner_settings or {}), techniques=Techniques(**techniques))


def brightness(images, key):
    """A critic that a shift changes: the grey of the upper left pixel."""
    return images[:, 0, 0, 0]


def critic_loss(real, fake, logits=brightness, loss="wasserstein", near=None, **techniques):
    pairs = pairs_of(real, fake, KEY, knobs={})._replace(near=near)
    settings = {"loss": ADVERSARIAL[loss], "weights": PenaltyWeights(), "knobs": {}}
    total, parts = critic_objective(logits, pairs, techniques=Techniques(**techniques), **settings)
    return float(total), {name: float(value) for name, value in parts.items()}


def test_consistency_is_that_of_images_and_their_shifts():
    size, n = 16, 8
    real, fake = jax.random.uniform(jax.random.key(1), (2, n, size, size, 1))
    plain, _ = critic_loss(real, fake)
    total, parts = critic_loss(real, fake, consistency_real=3.0, consistency_fake=5.0)
    assert parts["penalty/consistency_real"] > 0
    assert parts["penalty/consistency_real"] != parts["penalty/consistency_fake"]
    expected = plain + 3 * parts["penalty/consistency_real"] + 5 * parts["penalty/consistency_fake"]
    assert total == pytest.approx(expected, rel=1e-5)
    _, alone = critic_loss(real, fake, consistency_fake=5.0)
    assert "penalty/consistency_real" not in alone
    _, flat = critic_loss(real * 0 + 0.3, fake, consistency_real=3.0)
    assert flat["penalty/consistency_real"] == pytest.approx(0, abs=1e-10), "a shifted grey is the same grey"


def test_a_shift_is_of_whole_pixels_up_to_an_eighth_and_mirrors_nothing():
    size, places = 16, set()
    image = jnp.full((1, size, size, 1), -1.0).at[0, 8, 5].set(1.0).at[0, 8, 6].set(0.5)
    for key in jax.random.split(jax.random.key(2), 200):
        moved = np.asarray(jax.jit(shifted)(key, image))[0, :, :, 0]
        (row,), (column,) = np.where(moved == 1.0)
        assert moved[row, column + 1] == 0.5, "the darker pixel stays to the right"
        assert (moved == -1).sum() == size**2 - 2
        places.add((int(row) - 8, int(column) - 5))
    assert {row for row, _ in places} == {column for _, column in places} == {-2, -1, 0, 1, 2}


def test_latent_consistency_of_the_critic_is_at_images_of_near_latents():
    real, fake, near = (jnp.full((4, 2, 2, 1), value) for value in (0.1, 0.2, 0.5))
    total, parts = critic_loss(real, fake, near=near, latent_critic=7.0)
    assert parts["penalty/latent_consistency"] == pytest.approx(0.09, rel=1e-5)
    assert total == pytest.approx(0.2 - 0.1 + 7 * 0.09, rel=1e-5)


def test_both_sides_of_latent_consistency_in_a_step():
    """D(x) = w |x|^2 / 2 and G(z) = b z: both terms, and the generator's slope in b, are polynomials of the latents."""
    weights = {"latent_critic": 2.0, "latent_generator": 3.0, "latent_noise": 0.25}
    still = {"optimizer": optax.sgd(1.0), "critic_optimizer": optax.sgd(0.0), "latent_size": 3}
    learner = _scaled(still, **weights)
    plain, batch = _scaled(still), grey(REAL)
    (after, metrics), (before, _) = stepped(learner, batch), stepped(plain, batch)
    keys = jax.random.split(jax.random.fold_in(learner.init(KEY, batch).key, 0), 4)
    z = np.asarray(jax.random.normal(keys[0], (8, 3)))
    moved = np.asarray(near_latents(keys[3], jnp.asarray(z), 0.25))
    apart = (z - moved)[:, 0]
    assert np.std(z - moved) == pytest.approx(0.25, rel=0.4)
    assert float(metrics["penalty/latent_sensitivity"]) == pytest.approx(0.6**2 * np.mean(apart**2), rel=1e-4)
    gained = float(after.trainable["generator"]["b"]) - float(before.trainable["generator"]["b"])
    assert gained == pytest.approx(3 * 2 * 0.6 * np.mean(apart**2), rel=1e-3), "the reward drives near images apart"
    turn = jax.random.split(keys[1], 1)[0]
    moved = np.asarray(near_latents(turn, jnp.asarray(z), 0.25))
    logits = [W * PIXELS * (0.6 * of[:, 0]) ** 2 / 2 for of in (z, moved)]
    found = float(metrics["penalty/latent_consistency"])
    assert found == pytest.approx(np.mean((logits[0] - logits[1]) ** 2), rel=1e-3)


def _scaled(settings, **techniques):
    return make_gan(
        Scaled(0.6), Quadratic(W), loss=ADVERSARIAL["wasserstein"], techniques=Techniques(**techniques), **settings
    )


def test_near_latents_are_drawn_by_a_key_of_their_own():
    z = jnp.zeros((5000, 2))
    assert float(near_latents(KEY, z, 0.1).std()) == pytest.approx(0.1, rel=0.05)
    drawn = 0.1 * jax.random.normal(jax.random.fold_in(KEY, NEAR_KEY), z.shape)
    np.testing.assert_allclose(near_latents(KEY, z, 0.1), drawn, rtol=1e-6)


def test_feature_matching_draws_the_mean_features_together():
    """Of a critic that does not judge: the loss in b is w^2 ((b - r)^2 + (b^2 - r^2)^2), with its weight."""
    still = {"critic_optimizer": optax.sgd(0.0), "optimizer": optax.sgd(1.0), "latent_size": 3}

    def generator(weight):
        techniques = Techniques(feature_matching=weight)
        learner = make_gan(
            Constant(FAKE), WithFeatures(W), loss=ADVERSARIAL["wasserstein"], techniques=techniques, **still
        )
        state, metrics = stepped(learner, grey(REAL))
        return float(state.trainable["generator"]["b"]), metrics

    (plain, off), (matched, metrics) = generator(0.0), generator(0.1)
    distance = W**2 * ((FAKE - REAL) ** 2 + (FAKE**2 - REAL**2) ** 2)
    slope = W**2 * (2 * (FAKE - REAL) + 4 * FAKE * (FAKE**2 - REAL**2))
    assert float(metrics["penalty/feature_matching"]) == pytest.approx(distance, rel=1e-4)
    assert matched - plain == pytest.approx(-0.1 * slope, rel=1e-3)
    assert "penalty/feature_matching" not in off


def test_mixup_gives_the_critic_mixtures_with_the_share_as_target():
    """D(x) = x of greys 1 and -1, so that D of a mixture is 2 s - 1: the loss is twice (2 s - 1 - s)^2 / 2."""
    n = 4000
    real, fake = jnp.ones((n, 1, 1, 1)), -jnp.ones((n, 1, 1, 1))
    total, parts = critic_loss(real, fake, loss="least_squares", mixup=1.0)
    mean = 1 / 3  # E (s - 1)^2 of a uniform s
    assert total == parts["loss/critic"] == pytest.approx(mean, abs=4 * math.sqrt((1 / 5 - 1 / 9) / n))
    assert parts["logits/real"] == 1, "logits are told of images that are not mixed"
    nearly, _ = critic_loss(real, fake, loss="least_squares", mixup=1e-3)
    plain, _ = critic_loss(real, fake, loss="least_squares")
    assert nearly == pytest.approx(plain, rel=0.2), "with a small alpha it is the loss without MixUp"


def test_mixup_of_a_smoothed_loss_has_smoothed_targets():
    loss = smoothed(ADVERSARIAL["least_squares"], 0.2)
    pairs = pairs_of(jnp.ones((9, 1, 1, 1)), jnp.ones((9, 1, 1, 1)) * 0.8, KEY, knobs={})
    constant = lambda images, key: images[:, 0, 0, 0] * 0  # noqa: E731
    seen = {}
    for name, of in (("plain", ADVERSARIAL["least_squares"]), ("smoothed", loss)):
        settings = {"loss": of, "weights": PenaltyWeights(), "knobs": {}, "techniques": Techniques(mixup=0.4)}
        seen[name] = float(critic_objective(constant, pairs, **settings)[0])
    assert seen["smoothed"] == pytest.approx(0.8**2 * seen["plain"], rel=1e-5)


def test_the_top_images_make_the_generators_loss():
    """Of -D(G(z)) with logits 1 .. 4: the mean of the best two is 3.5, and only they have slopes."""
    fake = jnp.arange(1.0, 5.0)[:, None, None, None]

    def loss(fake, fraction):
        knobs = {} if fraction is None else {"top_fraction": jnp.float32(fraction)}
        real = jnp.zeros_like(fake)
        return generator_objective(brightness, fake, real, KEY, loss=ADVERSARIAL["wasserstein"], knobs=knobs)[0]

    assert [float(loss(fake, fraction)) for fraction in (None, 1.0, 0.5)] == [-2.5, -2.5, -3.5]
    np.testing.assert_allclose(jax.grad(loss)(fake, 0.5)[:, 0, 0, 0], [0, 0, -0.5, -0.5])


def test_historical_averaging_pulls_the_generator_to_its_average():
    """By twice the weight times its distance from the average, beside the gradient of the loss."""
    batch, average = grey(REAL), jnp.float32(0.1)
    after = {}
    for weight in (0.0, 0.05):
        learner = made({"ema_images": 1e6}, historical_averaging=weight)
        state = learner.init(KEY, batch)
        state = dataclasses.replace(state, average={"generator": {"b": average}})
        after[weight] = float(jax.jit(learner.step)(state, batch)[0].trainable["generator"]["b"])
    assert after[0.05] - after[0.0] == pytest.approx(-0.05 * 2 * (FAKE - 0.1), rel=1e-4)


def test_the_weight_of_dragan_is_one_of_the_penalties():
    """Of a linear critic of slope 2 per pixel, 4 pixels: (4 - 1)^2."""
    linear = lambda images, key: 2 * images.sum(axis=(1, 2, 3))  # noqa: E731
    pairs = pairs_of(grey(0.4)["image"], grey(0.4)["image"], KEY, knobs={})
    weights = PenaltyWeights(dragan=5.0)
    total, parts = critic_objective(linear, pairs, loss=ADVERSARIAL["wasserstein"], weights=weights, knobs={})
    assert float(parts["penalty/dragan"]) == pytest.approx(9, rel=1e-5)
    assert float(total) == pytest.approx(45, rel=1e-5)
    _, metrics = stepped(gan_by_hand(dragan_weight=1.0), grey(REAL))
    assert float(metrics["penalty/dragan"]) == pytest.approx((W * REAL * PIXELS**0.5 - 1) ** 2, rel=1e-4)


EVERY = {
    "consistency_real": 1.0,
    "consistency_fake": 1.0,
    "latent_critic": 1.0,
    "latent_generator": 0.1,
    "feature_matching": 0.1,
    "mixup": 0.2,
    "historical_averaging": 0.1,
}


def of_top(fraction):
    return Controller(
        init=lambda: jnp.zeros(()),
        update=lambda signals, state: state,
        knobs=lambda state: {"top_fraction": jnp.float32(fraction), "generator_turn": jnp.ones(())},
        reads=(),
        sets=("top_fraction", "generator_turn"),
    )


@pytest.mark.parametrize(("accumulate", "classes"), [(1, 0), (2, 0), (2, 3)])
def test_all_at_once_train_a_dcgan_in_parts_and_with_classes(accumulate, classes, batches):
    """Where the generator may pause as well: what a pause measures has the same names."""
    shape = {"size": 16, "classes": classes}
    learner = make_gan(
        Generator(width=8, latent_size=8, **shape),
        Critic(width=8, **shape),
        latent_size=8,
        optimizer=optax.adam(2e-3),
        critic_optimizer=optax.adam(2e-3),
        loss=smoothed(ADVERSARIAL["non_saturating"], 0.1),
        controller=chain(of_top(0.5)),
        techniques=Techniques(**EVERY),
        dragan_weight=1.0,
        accumulate=accumulate,
        classes=classes,
    )
    batch = batches[0] | ({"label": jnp.arange(len(batches[0]["image"]), dtype=jnp.int32) % classes} if classes else {})
    state, metrics = stepped(learner, batch)
    assert all(np.isfinite(value) for value in metrics.values())
    found = {name.removeprefix("penalty/") for name in metrics if name.startswith("penalty/")}
    terms = {"consistency_real", "consistency_fake", "latent_consistency", "latent_sensitivity", "feature_matching"}
    assert found == {*terms, "dragan", "transfer"}
    assert state.step == 1


def test_apa_and_mixup_of_classes_are_not_used_at_once():
    replacing = Controller(
        lambda: jnp.zeros(()), lambda signals, state: state, lambda state: {}, (), ("replace_probability",)
    )
    with pytest.raises(InputError, match="APA"):
        made({"controller": chain(replacing), "classes": 2}, mixup=0.2)
