"""Bounds on log p(x) where it is known: a linear decoder with Gaussian noise, and a posterior that is diagonal."""

import jax
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from genjax.errors import InputError
from genjax.evaluate.metrics.of_models.likelihood import (
    active_units,
    dominated_area,
    draw_log_weights,
    importance_weighted_nats,
    kl_per_latent,
    rate_distortion,
)

PIXELS, LATENTS, NOISE = 5, 3, 0.6
# Orthogonal columns: only then the posterior is diagonal.
WEIGHTS = np.linalg.qr(np.random.default_rng(0).standard_normal((PIXELS, LATENTS)))[0] * [0.5, 1.0, 2.0]
PRECISION = 1 + (WEIGHTS**2).sum(axis=0) / NOISE**2
IMAGES = np.random.default_rng(1).standard_normal((6, PIXELS)).astype(np.float32)
COVARIANCE = WEIGHTS @ WEIGHTS.T + NOISE**2 * np.eye(PIXELS)
EXACT = -np.asarray(multivariate_normal.logpdf(IMAGES, np.zeros(PIXELS), COVARIANCE))  # pyright: ignore


def posterior(images, *, shift=0.0, scale=1.0):
    """The true one, or one that is off."""
    mean = images @ WEIGHTS / NOISE**2 / PRECISION + shift
    return mean, np.broadcast_to(np.log(scale / PRECISION), mean.shape)


def off(images):
    return posterior(images, shift=0.4, scale=2.0)


def log_likelihood(images, latents):
    return norm.logpdf(images, latents @ WEIGHTS.T, NOISE).sum(axis=-1)


def drawn(encode=off, *, samples=8, seed=0, images=IMAGES, chunk=256):
    return draw_log_weights(encode, log_likelihood, images, jax.random.key(seed), samples=samples, chunk=chunk)


@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_true_posterior_the_bound_is_exact_for_any_number_of_draws(samples):
    weights = drawn(posterior, samples=samples)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(importance_weighted_nats(weights), EXACT, rtol=1e-5)


def test_one_draw_is_a_draw_of_the_negative_elbo():
    weights = drawn(samples=1)
    np.testing.assert_allclose(importance_weighted_nats(weights), -weights[:, 0])
    many = drawn(samples=4000, chunk=8000)
    mean, log_variance = off(IMAGES)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1)
    spread = (WEIGHTS**2).sum(axis=0) * np.exp(log_variance)  # of the decoded mean, for each latent
    elbo = log_likelihood(IMAGES, mean) - 0.5 * spread.sum(axis=1) / NOISE**2 - kl
    np.testing.assert_array_less(np.abs(many.mean(axis=1) - elbo), 4 * many.std(axis=1) / np.sqrt(4000))


def test_more_draws_come_nearer_to_the_exact_value_from_above():
    weights = drawn(samples=2048, chunk=4096)
    bounds = [
        np.mean([importance_weighted_nats(weights[:, i : i + k]) for i in range(0, 2048, k)]) for k in (1, 4, 32, 512)
    ]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(EXACT.mean(), abs=0.02)
    assert bounds[0] > EXACT.mean() + 0.3


@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_exactly_as_many_latents_are_drawn_as_asked_for(samples, chunk):
    encoded, decoded, seen = [], [], []

    def counting_encode(images):
        encoded.append(len(images))
        return posterior(images)

    def counting_likelihood(images, latents):
        decoded.append(len(latents))
        seen.append(np.concatenate([images, latents], axis=1))
        return log_likelihood(images, latents)

    weights = draw_log_weights(
        counting_encode, counting_likelihood, IMAGES, jax.random.key(0), samples=samples, chunk=chunk
    )
    assert weights.shape == (6, samples)
    assert (sum(encoded), sum(decoded)) == (6, 6 * samples)
    assert max(decoded) <= chunk
    rows = np.concatenate(seen)
    assert len(np.unique(rows[:, PIXELS:], axis=0)) == 6 * samples  # no latent twice
    np.testing.assert_array_equal(rows[:, :PIXELS], np.repeat(IMAGES, samples, axis=0))


def test_draws_follow_from_the_key_the_image_and_the_draw_alone():
    weights = drawn(samples=7)
    np.testing.assert_array_equal(weights, drawn(samples=7))
    np.testing.assert_allclose(weights, drawn(samples=7, chunk=5), rtol=1e-6)
    np.testing.assert_allclose(weights[:, :3], drawn(samples=3), rtol=1e-6)
    np.testing.assert_allclose(weights[:2], drawn(samples=7, images=IMAGES[:2]), rtol=1e-6)
    assert (weights != drawn(samples=7, seed=1)).all()


def test_the_bound_does_not_overflow_and_takes_impossible_draws():
    weights = np.array([[-9000.0, -9001.0], [9000.0, 9001.0], [-np.inf, -3.0], [-np.inf, -np.inf]])
    expected = np.log(2) - logsumexp([0.0, -1.0])
    np.testing.assert_allclose(
        importance_weighted_nats(weights), [9000 + expected, -9001 + expected, 3 + np.log(2), np.inf]
    )


def test_active_units_are_latents_whose_means_vary():
    wave = np.array([-1.0, 1.0] * 4)
    means = np.stack([3 + 0 * wave, 0.05 * wave, 0.2 * wave, wave], axis=1)
    assert active_units(means) == 2
    assert active_units(means, threshold=0.001) == 3
    assert active_units(means, threshold=2.0) == 0


def test_kl_of_each_latent():
    means = np.array([[0.0, 1.0, 0.0], [0.0, -2.0, 0.0]])
    variances = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 2.0]])
    expected = [0, 0.5 * (1 + 4) / 2, 0.5 * (0.5 + 2.0 - 2 - np.log(0.5) - np.log(2.0)) / 2]
    np.testing.assert_allclose(kl_per_latent(means, np.log(variances)), expected, atol=1e-15)


def test_the_frontier_holds_what_nothing_beats():
    rates, distortions = [3, 1, 2, 2, 4, 1, 3], [5, 9, 6, 8, 5, 10, 5]
    found = rate_distortion(rates, distortions)
    np.testing.assert_array_equal(found, [[1, 2, 3], [9, 6, 5]])
    np.testing.assert_array_equal(rate_distortion(*found), found)


def test_the_area_that_a_frontier_dominates():
    assert dominated_area([1, 2, 3], [9, 6, 5], reference=(5, 10)) == 1 * 1 + 1 * 4 + 2 * 5
    assert dominated_area([1, 2, 3], [9, 6, 5], reference=(2.5, 8)) == 0.5 * 2
    assert dominated_area([1], [9], reference=(0.5, 10)) == 0


NAN = np.array([[0.0, np.nan], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: importance_weighted_nats(np.zeros((3, 0))), r"log weights are float64 of shape \(3, 0\), expected"),
        (lambda: importance_weighted_nats(np.zeros(3)), r"expected numbers of shape \(images, draws\)"),
        (lambda: importance_weighted_nats(NAN), "log weights of 1 of 2 images are NaN or infinite"),
        (lambda: drawn(samples=0), "0 draws in chunks of 256"),
        (lambda: drawn(images=IMAGES[:0]), "no images to draw latents for"),
        (lambda: drawn(lambda x: (NAN, NAN), images=IMAGES[:2]), "1 of 4 posterior means are not finite"),
        (lambda: drawn(lambda x: posterior(x[:1])), "encode gives 1 posteriors for 6 images"),
        (lambda: drawn(lambda x: (np.zeros((6, 3)), np.zeros((6, 2)))), r"\(6, 3\) and log-variances \(6, 2\)"),
        (lambda: active_units(np.zeros((1, 3))), "posterior means are of 1 image"),
        (lambda: active_units(np.zeros((2, 3)), threshold=-1), "threshold=-1 is no variance"),
        (lambda: kl_per_latent(np.zeros((2, 3)), np.zeros((2, 1))), "expected the same"),
        (lambda: kl_per_latent(np.zeros((2, 2)), NAN), "1 of 4 log-variances are not finite"),
        (lambda: rate_distortion([], []), r"rates are float64 of shape \(0,\)"),
        (lambda: rate_distortion([1.0], [1.0, 2.0]), r"rates have the shape \(1,\) and distortions \(2,\)"),
    ],
)
def test_other_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        (lambda x, z: np.zeros((len(x), 1)), r"gives the shape \(12, 1\) for 12 latents, expected \(12,\)"),
        (lambda x, z: np.where(np.arange(12) < 2, np.nan, 0), "NaN or infinity for 2 of 12 latents"),
    ],
)
def test_a_likelihood_of_another_kind_is_refused(likelihood, message):
    with pytest.raises(InputError, match=message):
        draw_log_weights(posterior, likelihood, IMAGES, jax.random.key(0), samples=2)
