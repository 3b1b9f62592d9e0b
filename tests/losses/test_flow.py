"""Losses of flows against closed forms: Gaussian data, whose exact field is known, and a single image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from scipy import stats

from genjax.families.flow.ode import solve
from genjax.losses.flow import (
    edm,
    edm_schedule,
    image_of,
    logit_normal,
    noise_levels,
    rectified,
    spread_uniforms,
    uncertain,
    velocity_of,
)

ONE = jnp.ones((1, 1, 1, 1))


def drawn(shape, seed=0):
    return normal(jax.random.key(seed), shape)


def gaussian_velocity(deviation):
    """The exact velocity of rectified flow for data N(0, deviation^2)."""

    def velocity(z, t):
        return z * (t - (1 - t) * deviation**2) / (t**2 + (1 - t) ** 2 * deviation**2)

    return velocity


def test_the_exact_flow_of_gaussian_data_takes_a_point_where_it_must():
    z = solve(gaussian_velocity(0.5), 1.3 * ONE, np.linspace(0.9, 0.2, 401), "heun")
    assert float(z.squeeze()) == pytest.approx(0.6449806, abs=5e-6)


def test_one_step_is_exact_where_there_is_one_image():
    image, noise, process = drawn((1, 4, 4, 1)), drawn((1, 4, 4, 1), 1), rectified()

    def network(z, t):
        return (z - image) / t.reshape(-1, 1, 1, 1)

    made = solve(lambda z, t: process.velocity(network, z, t[None]), noise, process.schedule(1), "euler")
    np.testing.assert_allclose(made, image, atol=1e-6)


@pytest.mark.parametrize("prediction", ["velocity", "image"])
def test_the_loss_of_rectified_flow_is_zero_at_the_truth(prediction):
    images, noise, times = drawn((5, 4, 4, 3)), drawn((5, 4, 4, 3), 1), jnp.linspace(0.06, 0.99, 5)
    truth = {"velocity": noise - images, "image": images}[prediction]
    loss = rectified(prediction).loss(lambda z, t: truth, images, noise, times)
    np.testing.assert_allclose(loss, 0, atol=1e-10)
    off = rectified(prediction).loss(lambda z, t: truth + 0.1, images, noise, times)
    expected = {"velocity": np.full(5, 0.01), "image": 0.01 / np.asarray(times) ** 2}[prediction]
    np.testing.assert_allclose(off, expected, rtol=1e-4)


def test_image_and_velocity_are_one_of_the_other():
    noisy, velocity, times = drawn((3, 2, 2, 1)), drawn((3, 2, 2, 1), 1), jnp.array([0.1, 0.5, 1.0])
    np.testing.assert_allclose(velocity_of(image_of(velocity, noisy, times), noisy, times), velocity, atol=1e-5)


@pytest.mark.parametrize("time", [0.002, 0.3, 80.0])
def test_the_loss_of_edm_is_one_at_every_noise_of_gaussian_data_and_zero_output(time):
    n = 200_000
    loss = edm().loss(
        lambda z, t: 0 * z, 0.5 * drawn((n, 1, 1, 1)), drawn((n, 1, 1, 1), 1), jnp.full(n, time, jnp.float32)
    )
    assert float(loss.mean()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("time", [0.1, 1.0, 10.0])
def test_no_other_linear_output_is_better_than_zero_for_edm_and_gaussian_data(time):
    n = 200_000
    data, noise = 0.5 * drawn((n, 1, 1, 1)), drawn((n, 1, 1, 1), 1)

    def mean_loss(slope):
        return edm().loss(lambda z, t: slope * z, data, noise, jnp.full(n, time)).mean()

    assert abs(float(jax.grad(mean_loss)(0.0))) < 0.02
    assert float(mean_loss(0.1)) > float(mean_loss(0.0))


@pytest.mark.parametrize(("steps", "expected"), [(18, 0.5276246), (32, 0.5078381)])
def test_heun_takes_the_exact_denoiser_of_gaussian_data_to_the_published_numbers(steps, expected):
    process = edm()
    z = solve(lambda z, t: process.velocity(lambda z, level: 0 * z, z, t[None]), 80 * ONE, process.schedule(steps))
    assert float(z.squeeze()) == pytest.approx(expected, abs=2e-6)


def test_many_steps_of_edm_come_to_the_exact_flow():
    process = edm()
    z = solve(lambda z, t: process.velocity(lambda z, level: 0 * z, z, t[None]), 80 * ONE, process.schedule(2000))
    assert float(z.squeeze()) == pytest.approx(0.4999902, abs=1e-4)


def test_the_schedule_of_edm_goes_from_the_most_noise_to_none():
    times = edm_schedule(18)
    np.testing.assert_allclose(times[[0, -2, -1]], [80, 0.002, 0], rtol=1e-12)
    assert (np.diff(times) < 0).all()
    assert edm_schedule(1).tolist() == [80, 0]


def test_the_schedule_of_edm_is_even_in_seventh_roots_between_any_ends():
    times = edm_schedule(9, smallest=0.01, largest=30.0)
    np.testing.assert_allclose(np.diff(times[:-1] ** (1 / 7)), (0.01 ** (1 / 7) - 30 ** (1 / 7)) / 8, rtol=1e-9)
    assert (len(times), times[-1]) == (10, 0)
    assert edm_schedule(1, smallest=0.01, largest=30.0).tolist() == [30, 0]


def test_times_of_a_batch_lie_one_in_each_part():
    uniforms = np.sort(spread_uniforms(jax.random.key(3), 8))
    assert (np.floor(uniforms * 8) == np.arange(8)).all()


def test_times_are_logit_normal():
    uniforms = np.array([0.1, 0.5, 0.9])
    expected = 1 / (1 + np.exp(-stats.norm.ppf(uniforms, 0.4, 1.5)))
    np.testing.assert_allclose(logit_normal(jnp.asarray(uniforms), mean=0.4, deviation=1.5), expected, rtol=1e-5)


def test_an_uncertainty_is_best_where_it_is_the_log_of_the_loss():
    loss = jnp.array([0.1, 2.0])
    gradient = jax.grad(lambda u: uncertain(loss, u).sum())(jnp.log(loss))
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_losses_are_averaged_from_the_least_noise_to_the_most():
    times, losses = jnp.array([0.9, 0.1, 0.5, 0.2, 0.8, 0.4]), jnp.array([6.0, 1, 4, 2, 5, 3])
    np.testing.assert_allclose(noise_levels(times, losses, 3), [1.5, 3.5, 5.5])
    np.testing.assert_allclose(noise_levels(times[:1], losses[:1], 3), [6, 6, 6])
