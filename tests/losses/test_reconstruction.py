"""Likelihoods against scipy, closed forms, finite differences and their extremes."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from drawn import normal, uniform
from scipy import stats

from genjax.losses.reconstruction import (
    SCALE_FLOOR,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    optimal_gaussian_log_likelihood,
    squared_error,
)

SHAPE = (5, 4, 4, 3)
ALL = {
    "bernoulli": bernoulli_log_likelihood,
    "gaussian": lambda images, mean: gaussian_log_likelihood(images, mean, scale=0.3),
    "optimal_gaussian": optimal_gaussian_log_likelihood,
    "squared_error": squared_error,
}


@pytest.fixture
def images():
    return uniform(jax.random.key(1), SHAPE, minval=-1, maxval=1)


@pytest.fixture
def decoded():
    return normal(jax.random.key(2), SHAPE)


@pytest.fixture(params=ALL)
def loss(request):
    return ALL[request.param]


def test_bernoulli_of_black_and_white_is_scipys(images, decoded):
    binary = jnp.sign(images)
    expected = stats.bernoulli.logpmf(binary > 0, jax.nn.sigmoid(decoded)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(bernoulli_log_likelihood(binary, decoded), expected, rtol=1e-5)


def test_bernoulli_of_greys_is_cross_entropy(images, decoded):
    expected = optax.losses.sigmoid_binary_cross_entropy(decoded, (images + 1) / 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(bernoulli_log_likelihood(images, decoded), -expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [1e4, -1e4])
@pytest.mark.parametrize("pixel", [-1.0, 0.2, 1.0])
def test_bernoulli_is_finite_at_huge_logits(logit, pixel):
    images, logits = jnp.full((1, 1, 1, 1), pixel), jnp.full((1, 1, 1, 1), logit)
    value, gradient = jax.value_and_grad(lambda x: bernoulli_log_likelihood(images, x).sum())(logits)
    target = (pixel + 1) / 2
    np.testing.assert_allclose(value, -1e4 * (1 - target if logit > 0 else target), rtol=1e-5)
    np.testing.assert_allclose(gradient.item(), target - (logit > 0), atol=1e-6)


def test_gaussian_is_scipys(images, decoded):
    for scale in (0.1, jnp.float32(2.0)):
        expected = stats.norm.logpdf(images, decoded, scale).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(gaussian_log_likelihood(images, decoded, scale=scale), expected, rtol=1e-4)


def test_optimal_scale_is_the_root_mean_squared_error(images, decoded):
    scale = jnp.sqrt(squared_error(images, decoded).mean() / np.prod(SHAPE[1:]))
    expected = gaussian_log_likelihood(images, decoded, scale=scale)
    np.testing.assert_allclose(optimal_gaussian_log_likelihood(images, decoded), expected, rtol=1e-2)
    best = optimal_gaussian_log_likelihood(images, decoded).mean()
    for other in (0.8, 1.25):
        assert best > gaussian_log_likelihood(images, decoded, scale=scale * other).mean()


def test_optimal_gradient_is_that_of_half_log_error(images, decoded):
    # At the best scale the mean is -D/2 log(error) + constant.
    dimensions = np.prod(SHAPE[1:])
    found = jax.grad(lambda mean: optimal_gaussian_log_likelihood(images, mean).mean())(decoded)
    expected = jax.grad(lambda mean: -0.5 * dimensions * jnp.log(jnp.square(images - mean).mean()))(decoded)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-6)


def test_optimal_scale_has_a_floor_and_a_perfect_image_a_gradient(images):
    value, gradient = jax.value_and_grad(lambda mean: optimal_gaussian_log_likelihood(images, mean).sum())(images)
    at_floor = gaussian_log_likelihood(images, images, scale=np.exp(SCALE_FLOOR)).sum()
    np.testing.assert_allclose(value, at_floor, rtol=1e-3)
    assert jnp.isfinite(gradient).all()


def test_squared_error_of_constants():
    images = jnp.zeros(SHAPE)
    np.testing.assert_array_equal(squared_error(images, images + 0.5), np.full(5, 0.25 * 48))


def test_gradients_agree_with_finite_differences(loss, images, decoded):
    # Unequal images and weights: to the plain mean over the batch, the optimal scale adds no gradient.
    weights = jnp.array([1.0, -1.0, 2.0, 0.5, -1.5])
    decoded = decoded * jnp.linspace(0.2, 2, 5)[:, None, None, None]
    direction = normal(jax.random.key(3), SHAPE) / np.sqrt(np.prod(SHAPE)) + 0.1 * (decoded - images)

    def total(mean):
        return (loss(images, mean) * weights).sum()

    slope = jnp.vdot(jax.grad(total)(decoded), direction)
    rise = (total(decoded + 1e-2 * direction) - total(decoded - 1e-2 * direction)) / 2e-2
    np.testing.assert_allclose(slope, rise, rtol=1e-2, atol=1e-2)


def test_one_value_per_image(loss, images, decoded):
    assert loss(images, decoded).shape == (5,)


def test_unequal_shapes_are_an_error(loss, images, decoded):
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match="shapes differ"):
            loss(images, decoded[..., :1])
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
