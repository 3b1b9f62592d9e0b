"""Penalties against critics whose slopes are known."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from drawn import normal
from scipy.stats import kstest

from genjax.losses.penalties import dragan, gradient_penalty, r1, r2

SHAPE = (5, 4, 4, 2)


def linear(slope):
    return lambda images: (images * slope).sum(axis=(1, 2, 3))


@pytest.fixture
def real(getkey):
    return normal(getkey(), SHAPE)


@pytest.fixture
def fake(getkey):
    getkey()
    return normal(getkey(), SHAPE)


@pytest.fixture
def slope():
    return normal(jax.random.key(9), (1, *SHAPE[1:]))


def test_r1_of_a_linear_critic(real, slope):
    np.testing.assert_allclose(r1(linear(slope), real), np.full(5, jnp.vdot(slope, slope) / 2), rtol=1e-6)


def test_r1_of_a_quadratic_critic_is_each_images_own(real):
    half_square = lambda images: 0.5 * jnp.square(images).sum(axis=(1, 2, 3))  # noqa: E731
    np.testing.assert_allclose(r1(half_square, real), 0.5 * (np.asarray(real) ** 2).sum((1, 2, 3)), rtol=1e-5)


def test_r1_agrees_with_finite_differences(real, slope):
    critic = lambda images: jnp.tanh(linear(slope)(images) / 10)  # noqa: E731
    step, flat = 1e-2, np.asarray(real, np.float64).reshape(5, -1)
    squared = np.zeros(5)
    for pixel in range(flat.shape[1]):
        move = np.zeros_like(flat)
        move[:, pixel] = step
        above, below = (critic(jnp.asarray((flat + s * move).reshape(SHAPE), jnp.float32)) for s in (1, -1))
        squared += ((np.asarray(above, np.float64) - np.asarray(below)) / (2 * step)) ** 2
    np.testing.assert_allclose(r1(critic, real), squared / 2, rtol=1e-3)


def test_r2_is_r1(real, slope):
    critic = lambda images: jnp.tanh(linear(slope)(images))  # noqa: E731
    np.testing.assert_array_equal(r2(critic, real), r1(critic, real))


def test_gradient_penalty_is_zero_at_the_target_slope(real, fake, slope, getkey):
    unit = slope / jnp.sqrt(jnp.vdot(slope, slope))
    np.testing.assert_allclose(gradient_penalty(linear(unit), real, fake, getkey()), np.zeros(5), atol=1e-12)
    np.testing.assert_allclose(gradient_penalty(linear(3 * unit), real, fake, getkey()), np.full(5, 4), rtol=1e-5)
    zero = gradient_penalty(linear(3 * unit), real, fake, getkey(), target=3.0)
    np.testing.assert_allclose(zero, np.zeros(5), atol=1e-10)


def test_gradient_penalty_is_taken_between_real_and_fake(getkey):
    # The slope of half the square is the point itself: from 0 (real) to 1 (fake) it is the position, 4 pixels alike.
    half_square = lambda images: 0.5 * jnp.square(images).sum(axis=(1, 2, 3))  # noqa: E731
    shape = (300, 2, 2, 1)
    squared = gradient_penalty(half_square, jnp.zeros(shape), jnp.ones(shape), getkey(), target=0.0)
    assert kstest(np.sqrt(squared / 4), "uniform").pvalue > 0.01


def test_dragan_of_a_linear_critic(real, slope, getkey):
    unit = slope / jnp.sqrt(jnp.vdot(slope, slope))
    np.testing.assert_allclose(dragan(linear(unit), real, getkey()), np.zeros(5), atol=1e-12)
    np.testing.assert_allclose(dragan(linear(3 * unit), real, getkey()), np.full(5, 4), rtol=1e-5)


def test_dragan_is_taken_at_noise_of_half_a_deviation_at_most_above_real_images(getkey):
    """By a critic |x - c|^2 / 2 of images c, whose slope is the noise: of 2 pixels, uniform from 0 to .5 std."""
    half = jnp.ones((200, 1, 2, 1))
    images = jnp.concatenate([half, -half])  # of deviation 1
    critic = lambda seen: 0.5 * jnp.square(seen - images).sum(axis=(1, 2, 3))  # noqa: E731
    squared = np.asarray(dragan(critic, images, getkey(), target=0.0))
    assert squared.mean() == pytest.approx(2 * 0.25 / 3, abs=4 * 2 * 0.25 * np.sqrt(4 / 45 / 800))
    assert squared.max() < 2 * 0.25
    assert squared.max() > 2 * 0.25 * 0.8
    doubled = dragan(lambda seen: critic(seen), images, jax.random.key(5), target=0.0, reach=1.0)
    once = dragan(lambda seen: critic(seen), images, jax.random.key(5), target=0.0)
    np.testing.assert_allclose(doubled, 4 * once, rtol=1e-4)


def test_gradient_is_finite_where_the_slope_is_zero(real, fake, getkey):
    def total(weight):
        return gradient_penalty(linear(weight), real, fake, jax.random.key(0)).sum()

    value, gradient = jax.value_and_grad(total)(jnp.zeros((1, *SHAPE[1:])))
    assert value == 5
    assert jnp.isfinite(gradient).all()


def test_gradient_of_the_penalty_agrees_with_finite_differences(real, fake):
    def total(scale):
        critic = lambda images: jnp.sin(scale * images.mean(axis=(1, 2, 3)) * 5)  # noqa: E731
        return (gradient_penalty(critic, real, fake, jax.random.key(3)) + r1(critic, real)).sum()

    step = 1e-2
    expected = (total(jnp.float32(1 + step)) - total(jnp.float32(1 - step))) / (2 * step)
    np.testing.assert_allclose(jax.grad(total)(jnp.float32(1)), expected, rtol=1e-2)


def test_unequal_shapes_are_an_error(real, fake, slope, getkey):
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match=r"real \(5, 4, 4, 2\), fake \(5, 4, 4, 1\)"):
            gradient_penalty(linear(slope), real, fake[..., :1], getkey())
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
