"""What critic and generator minimise, on images of 3 x 3 pixels and a linear critic: every value by hand.

The critic is D(x) = sum of SLOPE * x. An image of one grey g has the logit 3.6 g, and the slope at every image is
SLOPE, of squared length 2.04: R1 = R2 = 1.02, and WGAN-GP's penalty is (sqrt(2.04) - 1)^2, wherever it is measured.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.gan.objectives import PenaltyWeights, critic_objective, generator_objective
from genjax.families.gan.pairs import pairs_of
from genjax.losses import ADVERSARIAL

SLOPE = jnp.arange(9.0).reshape(1, 3, 3, 1) / 10
R1 = R2 = 1.02
GRADIENT = (math.sqrt(2.04) - 1) ** 2
LECAM = ((1.8 + 0.2) ** 2 + (3.6 + 0.2) ** 2 + (1.5 + 1.8) ** 2 + (1.5 - 0.9) ** 2) / 2  # anchors 1.5 and -0.2


def greys(*values):
    """Images of one grey each, (n, 3, 3, 1)."""
    return jnp.broadcast_to(jnp.asarray(values).reshape(-1, 1, 1, 1), (len(values), 3, 3, 1))


REAL, FAKE = greys(0.5, 1.0), greys(-0.5, 0.25)  # logits 1.8 and 3.6; -1.8 and 0.9


def linear(images, key):
    return (SLOPE * images).sum(axis=(1, 2, 3))


def critic(loss="wasserstein", real=REAL, fake=FAKE, logits=linear, knobs=None, **weights):
    """(loss, {part: value}) of the critic."""
    knobs = {name: jnp.float32(value) for name, value in (knobs or {}).items()}
    pairs = pairs_of(real, fake, jax.random.key(0), knobs=knobs)
    settings = {"loss": ADVERSARIAL[loss], "weights": PenaltyWeights(**weights)}
    total, parts = critic_objective(logits, pairs, knobs=knobs, **settings)
    return float(total), {name: float(value) for name, value in parts.items()}


def softplus(value):
    return math.log1p(math.exp(value))


CRITIC = {
    "minimax": (softplus(-1.8) + softplus(-1.8) + softplus(-3.6) + softplus(0.9)) / 2,
    "non_saturating": (softplus(-1.8) + softplus(-1.8) + softplus(-3.6) + softplus(0.9)) / 2,
    "least_squares": (0.8**2 + 1.8**2 + 2.6**2 + 0.9**2) / 4,
    "wasserstein": (-1.8 - 1.8 + 0.9 - 3.6) / 2,
    "hinge": (0 + 0 + 0 + 1.9) / 2,
    "relativistic": (softplus(-3.6) + softplus(-2.7)) / 2,
}
GENERATOR = {
    "minimax": -(softplus(-1.8) + softplus(0.9)) / 2,
    "non_saturating": (softplus(1.8) + softplus(-0.9)) / 2,
    "least_squares": (2.8**2 + 0.1**2) / 4,
    "wasserstein": (1.8 - 0.9) / 2,
    "hinge": (1.8 - 0.9) / 2,
    "relativistic": (softplus(3.6) + softplus(2.7)) / 2,
}


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_without_penalties_it_is_the_loss_of_the_paper(loss):
    total, parts = critic(loss)
    assert total == parts["loss/critic"] == pytest.approx(CRITIC[loss], rel=1e-5)
    assert not [name for name in parts if name.startswith("penalty/")], "what is off is not computed"
    found = generator_objective(linear, FAKE, REAL, jax.random.key(0), loss=ADVERSARIAL[loss])[0]
    assert float(found) == pytest.approx(GENERATOR[loss], rel=1e-5)


def test_the_generator_goes_where_the_logits_rise():
    """Of the loss -D(G(z)), a mean over two images: minus the critic's slope, halved."""
    slope = jax.grad(
        lambda fake: generator_objective(linear, fake, REAL, jax.random.key(0), loss=ADVERSARIAL["wasserstein"])[0]
    )(FAKE)
    np.testing.assert_allclose(slope, -jnp.concatenate([SLOPE, SLOPE]) / 2, rtol=1e-6)


PENALTIES = {
    "r1": (R1, {"r1": 3.0}, {}),
    "r2": (R2, {"r2": 5.0}, {}),
    "gradient": (GRADIENT, {"gradient": 7.0}, {}),
    "lecam": (LECAM, {}, {"lecam_weight": 11.0, "lecam_real_anchor": 1.5, "lecam_fake_anchor": -0.2}),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_each_penalty_is_part_of_the_loss_with_its_weight(name):
    value, weights, knobs = PENALTIES[name]
    total, parts = critic(knobs=knobs, **weights)
    weight = weights.get(name) or knobs["lecam_weight"]
    assert parts[f"penalty/{name}"] == pytest.approx(value, rel=1e-5)
    assert total == pytest.approx(CRITIC["wasserstein"] + weight * value, rel=1e-5)
    assert parts["loss/critic"] == pytest.approx(CRITIC["wasserstein"], rel=1e-5), "the loss is told without penalties"


def test_all_penalties_add_up():
    weights = {name: weight for _, both, _ in PENALTIES.values() for name, weight in both.items()}
    total, _ = critic(knobs=PENALTIES["lecam"][2], **weights)
    assert total == pytest.approx(CRITIC["wasserstein"] + 3 * R1 + 5 * R2 + 7 * GRADIENT + 11 * LECAM, rel=1e-5)


def test_r1_is_measured_at_real_images_and_r2_at_generated_ones():
    """By a critic |x|^2 / 2, whose slope at x is x: |x|^2 is 9 g^2 for a grey g."""
    quadratic = lambda images, key: jnp.square(images).sum(axis=(1, 2, 3)) / 2  # noqa: E731
    _, parts = critic(logits=quadratic, r1=1.0, r2=1.0)
    assert parts["penalty/r1"] == pytest.approx(9 * (0.25 + 1) / 4, rel=1e-5)
    assert parts["penalty/r2"] == pytest.approx(9 * (0.25 + 0.0625) / 4, rel=1e-5)


def test_penalties_have_slopes_of_their_own():
    """Of (|a| - 1)^2 in a, weighted: what a critic's parameters feel of a penalty is not only its value."""

    def total(scale):
        logits = lambda images, key: scale * linear(images, key)  # noqa: E731
        weights = PenaltyWeights(3.0, 5.0, 7.0)
        loss = ADVERSARIAL["wasserstein"]
        pairs = pairs_of(REAL, FAKE, jax.random.key(0), knobs={})
        return critic_objective(logits, pairs, loss=loss, weights=weights, knobs={})[0]

    length = math.sqrt(2.04)
    expected = CRITIC["wasserstein"] + (3 + 5) * 2.04 + 7 * 2 * (length - 1) * length
    assert float(jax.grad(total)(1.0)) == pytest.approx(expected, rel=1e-5)


def test_the_recipes_scale_is_of_the_penalties_at_real_and_generated_images():
    """Not of WGAN-GP's, whose target is a slope of 1 throughout."""
    of = lambda **knobs: critic(r1=3.0, r2=5.0, gradient=7.0, knobs=knobs)  # noqa: E731
    adversarial, (whole, parts), (scaled, _) = critic()[0], of(), of(penalty_scale=0.25)
    held = 3 * parts["penalty/r1"] + 5 * parts["penalty/r2"]
    assert scaled - adversarial == pytest.approx(whole - adversarial - 0.75 * held, rel=1e-5)


def test_what_is_replaced_are_reals_by_the_generated_images_of_other_pairs():
    """With probability 1 all: rolled by one, so that no generated image stands beside itself."""
    fake = greys(-0.5, 0.25, 0.75)
    real = greys(0.5, 1.0, 0.0)
    seen = []

    def watched(images, key):
        seen.append(images)
        return linear(images, key)

    _, replaced = critic("relativistic", real, fake, watched, knobs={"replace_probability": 1.0})
    np.testing.assert_array_equal(seen[0], greys(0.75, -0.5, 0.25))
    np.testing.assert_array_equal(seen[1], fake)
    assert replaced["logits/real"] == pytest.approx(replaced["logits/fake"], rel=1e-5)
    steps = (-0.5 - 0.75, 0.25 + 0.5, 0.75 - 0.25)
    assert replaced["loss/critic"] == pytest.approx(sum(softplus(3.6 * step) for step in steps) / 3, rel=1e-5)
    assert critic("relativistic", real, fake, knobs={"replace_probability": 0.0}) == critic("relativistic", real, fake)


def test_both_images_of_a_pair_are_judged_under_its_label_in_every_part():
    """By D(x, y) = y (SLOPE * x): what a critic without labels makes of an image, and its slope, times the label."""
    labels, loss = jnp.array([1.0, 3.0]), ADVERSARIAL["wasserstein"]
    of_label = lambda images, key, labels: labels * linear(images, key)  # noqa: E731
    weights = PenaltyWeights(3.0, 5.0, 7.0)
    pairs = pairs_of(REAL, FAKE, jax.random.key(0), knobs={}, labels=labels)
    _, parts = critic_objective(of_label, pairs, loss=loss, weights=weights, knobs={})
    assert float(parts["loss/critic"]) == pytest.approx((-1.8 - 1.8 + 3 * (0.9 - 3.6)) / 2, rel=1e-5)
    assert float(parts["penalty/r1"]) == pytest.approx(R1 * (1 + 9) / 2, rel=1e-5)
    assert float(parts["penalty/r2"]) == pytest.approx(R2 * (1 + 9) / 2, rel=1e-5)
    length = math.sqrt(2.04)
    assert float(parts["penalty/gradient"]) == pytest.approx(((length - 1) ** 2 + (3 * length - 1) ** 2) / 2, rel=1e-5)
    found = generator_objective(of_label, FAKE, REAL, jax.random.key(0), loss=loss, labels=labels)[0]
    assert float(found) == pytest.approx((1.8 - 3 * 0.9) / 2, rel=1e-5)


def test_a_generated_image_in_the_place_of_a_real_one_keeps_its_own_label():
    seen = []

    def watched(images, key, labels):
        seen.append((images, labels))
        return linear(images, key)

    for probability, images, labels in ((1.0, (0.75, -0.5, 0.25), (7, 5, 6)), (0.0, (0.5, 1.0, 0.0), (5, 6, 7))):
        settings = {"loss": ADVERSARIAL["wasserstein"], "weights": PenaltyWeights()}
        knobs = {"replace_probability": jnp.float32(probability)}
        pair, of = (greys(0.5, 1.0, 0.0), greys(-0.5, 0.25, 0.75)), {"knobs": knobs, "labels": jnp.array([5, 6, 7])}
        critic_objective(watched, pairs_of(*pair, jax.random.key(0), **of), knobs=knobs, **settings)
        np.testing.assert_array_equal(seen[0][0], greys(*images))
        np.testing.assert_array_equal(seen[0][1], labels)
        np.testing.assert_array_equal(seen[1][1], (5, 6, 7))
        seen.clear()


def test_some_reals_are_replaced_with_a_probability_between():
    real, fake = greys(*[1.0] * 400), greys(*[0.0] * 400)
    _, parts = critic(real=real, fake=fake, knobs={"replace_probability": 0.25})
    assert parts["logits/real"] == pytest.approx(3.6 * 0.75, abs=3.6 * 4 * math.sqrt(0.25 * 0.75 / 400))


@pytest.mark.parametrize(
    ("loss", "real", "fake", "sign", "accuracies"),
    [
        ("hinge", (0.5, -0.1), (-0.5, 0.25), 0.0, (0.5, 0.5)),  # the boundary is 0
        ("least_squares", (0.5, 0.1), (-0.5, 0.25), 0.0, (0.5, 0.5)),  # 0.5, between the logits 0.36 and 1.8
        ("wasserstein", (10.5, 11.0), (9.5, 10.25), 1.0, (1.0, 1.0)),  # half-way between the means, as no logit is 0
    ],
)
def test_signs_and_accuracies_are_told_at_the_boundary_of_the_loss(loss, real, fake, sign, accuracies):
    _, parts = critic(loss, greys(*real), greys(*fake))
    assert parts["logits/real_sign"] == sign
    assert (parts["logits/real_accuracy"], parts["logits/fake_accuracy"]) == accuracies
    assert parts["logits/real"] == pytest.approx(3.6 * np.mean(real), rel=1e-5)
    assert parts["logits/fake"] == pytest.approx(3.6 * np.mean(fake), rel=1e-5)
