"""DDPM's process: its schedules are diffusers', Euler's steps are DDIM's, and Gaussian data has a closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.flow.ode import solve
from genjax.losses.ddpm import PREDICTIONS, SCHEDULES, betas_of, ddpm, deviations_of

BETAS = betas_of("linear", 1000)
KEPT = {  # diffusers 0.42.1: DDPMScheduler(1000, beta_schedule=...).alphas_cumprod at steps 0, 499, 999
    "linear": ((1e-4, 0.02), (0.9998999834, 0.0785872340, 4.035830352e-05)),
    "scaled_linear": ((0.00085, 0.012), (0.9991499782, 0.2776694298, 0.0046600951)),
    "squaredcos_cap_v2": ((1e-4, 0.02), (0.9999586940, 0.4938434660, 2.428734991e-09)),
}


def images_like(seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(3, 2, 2, 1)), jnp.float32)


def gaussian(prediction, sd):
    """The best network of data N(0, sd^2): what is predicted is a multiple of what is seen."""
    kept = np.cumprod(1 - BETAS)
    a, b = np.sqrt(kept), np.sqrt(1 - kept)
    total = a**2 * sd**2 + b**2  # variance of x_t = a x + b e
    factor = {"epsilon": b, "sample": a * sd**2, "v_prediction": a * b - b * a * sd**2}[prediction] / total

    def network(seen, levels):
        steps = jnp.round(levels * len(BETAS)).astype(jnp.int32)
        return jnp.asarray(factor, jnp.float32)[steps][:, None, None, None] * seen

    return network


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_that_of_diffusers(schedule):
    (first, last), expected = KEPT[schedule]
    kept = np.cumprod(1 - betas_of(schedule, 1000, first=first, last=last))
    np.testing.assert_allclose(kept[[0, 499, 999]], expected, rtol=2e-5)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_velocity_of_gaussian_data(prediction):
    steps, sd = np.array([3, 400, 900]), 0.5
    s = jnp.asarray(deviations_of(BETAS)[steps], jnp.float32)
    z = images_like() * jnp.sqrt(s**2 + sd**2)[:, None, None, None]
    found = ddpm(BETAS, prediction).velocity(gaussian(prediction, sd), z, s)
    # dz/ds = s z / (s^2 + sd^2)
    np.testing.assert_allclose(found, (s / (s**2 + sd**2))[:, None, None, None] * z, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_loss_of_one_image_is_zero(prediction):
    """All data are one image: the network can know noise, velocity and image exactly."""
    image, process = images_like(1)[:1], ddpm(BETAS, prediction)
    times = jnp.asarray(deviations_of(BETAS)[[5, 500, 990]], jnp.float32)
    s = times[:, None, None, None]
    a = 1 / jnp.sqrt(1 + s**2)

    def network(seen, levels):
        noise = (seen - a * image) / (s * a)
        return {"epsilon": noise, "sample": image + 0 * seen, "v_prediction": a * noise - s * a * image}[prediction]

    losses = process.loss(network, jnp.repeat(image, 3, axis=0), images_like(2), times)
    assert losses.shape == (3,)
    np.testing.assert_allclose(losses, 0, atol=1e-4)


def test_a_network_is_told_the_step_and_shown_unit_variance():
    seen = []
    steps = np.array([0, 17, 999])
    s = jnp.asarray(deviations_of(BETAS)[steps], jnp.float32)
    z = images_like() * jnp.sqrt(1 + s**2)[:, None, None, None]
    ddpm(BETAS).velocity(lambda images, levels: seen.append((images, levels)) or images, z, s)
    np.testing.assert_allclose(seen[0][0], images_like(), rtol=1e-5)
    np.testing.assert_allclose(seen[0][1] * 1000, steps, atol=2e-3)


def test_training_sees_every_step_equally_often():
    uniforms = jnp.asarray((np.arange(1000) + 0.5) / 1000, jnp.float32)
    np.testing.assert_allclose(ddpm(BETAS).times(uniforms), deviations_of(BETAS), rtol=1e-5)


def test_eulers_steps_are_those_of_ddim():
    """Song et al. 2021, eq. 12 without noise, in x_t and by its own formula."""
    steps = np.array([999, 600, 300, 50])
    a = np.sqrt(np.cumprod(1 - BETAS))
    noise = images_like(3)

    def predicted(seen, step):
        return np.tanh(seen) + step / 2000

    x = np.asarray(noise, np.float64)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        error = predicted(x, step)
        image = (x - np.sqrt(1 - a[step] ** 2) * error) / a[step]
        x = image if following is None else a[following] * image + np.sqrt(1 - a[following] ** 2) * error

    def network(seen, levels):
        return jnp.tanh(seen) + jnp.round(levels * 1000)[:, None, None, None] / 2000

    process, times = ddpm(BETAS), np.append(deviations_of(BETAS)[steps], 0.0)
    found = solve(lambda z, t: process.velocity(network, z, jnp.full(3, t)), noise / a[999], times, "euler")
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-3)


def test_a_clipped_velocity_points_into_the_range_of_images():
    s = jnp.asarray(deviations_of(BETAS)[[5, 500, 990]], jnp.float32)
    z = images_like() * jnp.sqrt(1 + s**2)[:, None, None, None]

    def network(seen, levels):
        return 0.5 * seen

    def image(clip):
        return z - s[:, None, None, None] * ddpm(BETAS, clip=clip).velocity(network, z, s)

    assert np.abs(image(False)).max() > 2
    np.testing.assert_allclose(image(True), np.clip(image(False), -1, 1), atol=2e-5)


def test_a_sampling_goes_from_the_most_noise_to_none():
    for schedule in SCHEDULES:
        process = ddpm(betas_of(schedule, 1000))
        times = process.schedule(18)
        assert len(times) == 19
        assert times[0] == pytest.approx(process.deviation)
        assert times[-1] == 0
        assert (np.diff(times) < 0).all()
        assert list(process.schedule(1)) == [process.deviation, 0]
    assert ddpm(betas_of("squaredcos_cap_v2", 1000)).deviation == 80  # its own end, 20,291, is no use to a solver
