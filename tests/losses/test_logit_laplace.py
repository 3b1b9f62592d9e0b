"""The logit-Laplace likelihood against scipy, an integral, and at its floor."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from drawn import normal, uniform
from scipy import stats
from scipy.special import logit

from genjax.losses.logit_laplace import (
    EPSILON,
    LOG_SCALE_FLOOR,
    from_open_interval,
    logit_laplace_log_likelihood,
    to_open_interval,
)


def test_it_is_scipys_laplace_of_the_logit(getkey):
    images = uniform(getkey(), (3, 4, 4, 3), minval=-1, maxval=1)
    mean, log_scale = normal(getkey(), images.shape), normal(getkey(), images.shape)
    pixels = np.asarray(to_open_interval(images), np.float64)
    scale = np.exp(LOG_SCALE_FLOOR + np.logaddexp(0, np.asarray(log_scale, np.float64) - LOG_SCALE_FLOOR))
    expected = stats.laplace.logpdf(logit(pixels), mean, scale) - np.log(pixels * (1 - pixels))
    found = logit_laplace_log_likelihood(images, mean, log_scale)
    np.testing.assert_allclose(found, expected.sum(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, -1.0), (1.5, -0.5), (-0.7, 0.2)])
def test_it_is_a_density_on_the_open_interval(mean, log_scale):
    """Summed over a fine grid of pixels; what is left out at both ends is less than a thousandth."""
    pixels = np.linspace(1e-4, 1 - 1e-4, 20_001)
    images = jnp.asarray(2 * (pixels - EPSILON) / (1 - 2 * EPSILON) - 1, jnp.float32).reshape(-1, 1, 1, 1)
    given = (jnp.full(images.shape, value) for value in (mean, log_scale))
    density = np.exp(np.asarray(logit_laplace_log_likelihood(images, *given), np.float64))
    assert np.trapezoid(density, pixels) == pytest.approx(1, abs=2e-3)


def test_pixels_are_mapped_into_the_interval_and_back():
    images = jnp.linspace(-1, 1, 12).reshape(1, 2, 2, 3)
    pixels = to_open_interval(images)
    assert (float(pixels.min()), float(pixels.max())) == pytest.approx((0.1, 0.9))
    np.testing.assert_allclose(from_open_interval(pixels), images, atol=1e-6)
    assert float(jnp.abs(from_open_interval(jnp.asarray([0.0, 1.0]).reshape(1, 1, 2, 1))).max()) == 1


def test_it_is_highest_where_the_mean_is_the_pixel():
    image = jnp.full((1, 1, 1, 1), 0.3)
    at = lambda mean: logit_laplace_log_likelihood(image, jnp.full(image.shape, mean), jnp.zeros(image.shape))[0]  # noqa: E731
    best = float(logit(to_open_interval(image))[0, 0, 0, 0])
    assert at(best) > max(at(best - 0.01), at(best + 0.01))


def test_a_black_ground_has_a_finite_density():
    """The scale could fall without end where every pixel is met exactly."""
    image = jnp.full((1, 4, 4, 1), -1.0)
    mean = jnp.full(image.shape, float(logit(EPSILON)))
    value, gradient = jax.value_and_grad(lambda s: logit_laplace_log_likelihood(image, mean, s).sum())(
        jnp.full(image.shape, -50.0)
    )
    highest = 16 * (-np.log(2) - LOG_SCALE_FLOOR - np.log(EPSILON * (1 - EPSILON)))
    assert float(value) == pytest.approx(highest, rel=1e-4)
    assert bool(jnp.isfinite(gradient).all())


def test_unequal_shapes_are_an_error():
    images = jnp.zeros((2, 4, 4, 3))
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match="shapes differ"):
            logit_laplace_log_likelihood(images, images, jnp.zeros((2, 4, 4, 1)))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
