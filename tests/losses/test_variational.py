"""The lower bound's parts against closed forms, scipy and Monte Carlo."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from scipy import stats
from scipy.integrate import quad

from genjax.losses.variational import bits_per_dimension, elbo, gaussian_kl, reparameterize


@pytest.fixture
def posterior(getkey):
    return normal(getkey(), (6, 3)), normal(getkey(), (6, 3))


def test_kl_of_the_prior_is_zero():
    np.testing.assert_array_equal(gaussian_kl(jnp.zeros((4, 3)), jnp.zeros((4, 3))), np.zeros(4))


def test_kl_is_the_integral():
    mean, log_variance = 0.7, -0.4
    scale = np.exp(log_variance / 2)
    log_q, log_p = (lambda z: stats.norm.logpdf(z, mean, scale)), stats.norm.logpdf
    expected, _ = quad(lambda z: np.exp(log_q(z)) * (log_q(z) - log_p(z)), -12, 12)
    found = gaussian_kl(jnp.full((2, 3), mean), jnp.full((2, 3), log_variance))
    np.testing.assert_allclose(found, np.full(2, 3 * expected), rtol=1e-6)


def test_kl_agrees_with_monte_carlo(posterior, getkey):
    mean, log_variance = posterior
    draws = jax.vmap(reparameterize, in_axes=(0, None, None))(jax.random.split(getkey(), 4000), mean, log_variance)
    scale = np.exp(np.asarray(log_variance) / 2)
    ratio = stats.norm.logpdf(draws, mean, scale) - stats.norm.logpdf(draws)
    samples = ratio.sum(axis=-1)
    error = samples.std(axis=0) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - gaussian_kl(mean, log_variance)) < 3 * error).all()


def test_kl_keeps_its_digits_near_the_prior():
    kl = gaussian_kl(jnp.zeros((1, 1)), jnp.full((1, 1), 1e-3))
    np.testing.assert_allclose(kl, 0.5 * (np.expm1(1e-3) - 1e-3), rtol=1e-2)
    assert kl[0] > 0


def test_kl_gradients(posterior):
    mean, log_variance = posterior
    gradients = jax.grad(lambda *p: gaussian_kl(*p).sum(), argnums=(0, 1))(mean, log_variance)
    np.testing.assert_allclose(gradients[0], mean, rtol=1e-6)
    np.testing.assert_allclose(gradients[1], np.expm1(log_variance) / 2, rtol=1e-5, atol=1e-7)


def test_reparameterize_has_the_moments_and_the_gradients(getkey):
    mean, log_variance = jnp.full((4000, 2), 0.5), jnp.full((4000, 2), np.log(0.09))
    draws = np.asarray(reparameterize(getkey(), mean, log_variance)).ravel()
    assert stats.kstest(draws, stats.norm(0.5, 0.3).cdf).pvalue > 0.01

    key = getkey()
    slope_mean, slope_variance = jax.grad(lambda m, v: reparameterize(key, m, v).sum(), argnums=(0, 1))(
        mean, log_variance
    )
    np.testing.assert_array_equal(slope_mean, np.ones_like(mean))
    np.testing.assert_allclose(slope_variance, (reparameterize(key, mean, log_variance) - mean) / 2, atol=1e-6)


def test_bound_is_tight_for_the_true_posterior():
    # x = z + noise, both standard normal: p(x) = N(0, 2) and p(z|x) = N(x/2, 1/2).
    x = jnp.array([[-1.0], [0.0], [2.5]])
    expected_square = (x[:, 0] / 2) ** 2 + 0.5  # of x - z under the posterior
    log_likelihood = -0.5 * expected_square - 0.5 * jnp.log(2 * jnp.pi)
    bound = elbo(log_likelihood, gaussian_kl(x / 2, jnp.full((3, 1), jnp.log(0.5))))
    np.testing.assert_allclose(bound, stats.norm.logpdf(x[:, 0], 0, np.sqrt(2)), rtol=1e-6)


def test_bits_per_dimension():
    uniform = jnp.full(2, 768 * np.log(256.0))  # every value of a 16x16x3 image one of 256 levels
    np.testing.assert_allclose(bits_per_dimension(uniform, 768), np.full(2, 8), rtol=1e-6)
    # The same images dequantised are uniform over [-1, 1], density 1/2: 1 bit, and 6.994 more make nearly the 8.
    over_range = bits_per_dimension(jnp.array([768 * np.log(2.0)]), 768)
    np.testing.assert_allclose(over_range + np.log2(127.5), [8], atol=0.01)
