"""Mean flow against closed forms: Gaussian data, whose mean velocity is known, and a single image."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.flow.ode import leap, solve
from genjax.losses.flow import rectified, spread_uniforms
from genjax.losses.mean_flow import adaptive_weight, compound_velocity, mean_flow
from genjax.models.dit import Dit
from genjax.models.unet import Unet
from genjax.tree import flatten, unflatten

DEVIATION = 0.5


def drawn(shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def each(numbers):
    return numbers[:, None, None, None]


def gaussian_mean(z, t, span=None, deviation=DEVIATION):
    """The exact mean velocity for data N(0, s^2): z_r = z_t f(r) / f(t), f(r)^2 = r^2 + (1 - r)^2 s^2."""
    t = each(t)
    if span is None:  # the velocity
        return z * (t - (1 - t) * deviation**2) / (t**2 + (1 - t) ** 2 * deviation**2)
    span = each(span)
    there, here = (jnp.sqrt(r**2 + (1 - r) ** 2 * deviation**2) for r in (t - span, t))
    return z * (1 - there / here) / span


def test_the_exact_mean_velocity_of_gaussian_data_has_the_published_value():
    z, t, r = jnp.full((1, 1, 1, 1), 1.3), jnp.array([0.9]), jnp.array([0.2])
    mean = mean_flow().mean
    assert mean is not None
    assert float(mean(gaussian_mean, z, t, r).squeeze()) == pytest.approx(0.9357420, abs=1e-6)
    # and it is what the velocities come to, step by step
    far = solve(lambda z, t: gaussian_mean(z, t[None]), z, np.linspace(0.9, 0.2, 401))
    assert float((z - far).squeeze()) / 0.7 == pytest.approx(0.9357420, abs=1e-5)


def test_the_exact_mean_velocity_fulfils_the_identity():
    """V = u + (t - r) du/dt is the velocity at every z, r and t."""
    z, t, r = drawn((64, 1, 1, 1)), jnp.linspace(0.3, 1.0, 64), jnp.linspace(0.05, 0.25, 64)
    made = compound_velocity(gaussian_mean, z, t, r)
    np.testing.assert_allclose(made, gaussian_mean(z, t), atol=2e-5)


def slope_of_loss(network, n=100_000):
    """The gradient of the loss where the network's output is scaled, at the scale 1, and its standard error."""
    process, (t, r) = mean_flow(), (jnp.full(n, 0.9), jnp.full(n, 0.2))
    images, noise = DEVIATION * drawn((n, 1, 1, 1)), drawn((n, 1, 1, 1), 1)

    def scaled(scale):
        return process.loss(lambda *given: scale * network(*given), images, noise, t, r)

    slopes = jax.jvp(scaled, (1.0,), (1.0,))[1]
    return float(slopes.mean()), float(slopes.std() / np.sqrt(n))


def test_the_loss_is_stationary_at_the_exact_mean_velocity_and_not_at_the_velocity():
    slope, error = slope_of_loss(gaussian_mean)
    assert abs(slope) < 4 * error
    slope, error = slope_of_loss(lambda z, t, span=None: gaussian_mean(z, t))
    assert abs(slope) > 20 * error


def test_the_derivative_along_the_way_is_that_of_finite_differences():
    z, t, r = drawn((3, 2, 2, 1)), jnp.array([0.5, 0.7, 0.9]), jnp.array([0.1, 0.6, 0.2])

    def network(z, t, span: Any = 0.0):
        return jnp.sin(z * each(t)) + each(jnp.cos(3 * t) * span) * z**2

    step, velocity = 1e-2, network(z, t)
    ahead, behind = (network(z + d * velocity, t + d, t + d - r) for d in (step, -step))
    expected = network(z, t, t - r) + each(t - r) * (ahead - behind) / (2 * step)
    np.testing.assert_allclose(compound_velocity(network, z, t, r), expected, rtol=1e-3, atol=2e-3)


def test_no_gradient_is_taken_of_the_derivative():
    """Of the loss there is the gradient of (V - v)^2 with V = u + constant."""
    images, noise, t, r = drawn((2, 2, 2, 1)), drawn((2, 2, 2, 1), 1), jnp.array([0.5, 0.9]), jnp.array([0.1, 0.2])

    def network(scale):
        return lambda z, t, span=0.0: scale * z * each(t + span)

    def loss(scale):
        return mean_flow().loss(network(scale), images, noise, t, r).sum()

    z = rectified().noisy(images, noise, t)
    error = compound_velocity(network(2.0), z, t, r) - (noise - images)
    expected = (2 * error * z * each(t + t - r)).mean(axis=(1, 2, 3)).sum()
    assert float(jax.grad(loss)(2.0)) == pytest.approx(float(expected), rel=1e-4)


def test_one_time_leaves_the_loss_of_rectified_flow():
    images, noise, t = drawn((5, 4, 4, 3)), drawn((5, 4, 4, 3), 1), jnp.linspace(0.1, 0.9, 5)
    expected = rectified().loss(gaussian_mean, images, noise, t)

    def network(z, t, span=None):
        return gaussian_mean(z, t)

    np.testing.assert_allclose(mean_flow().loss(network, images, noise, t, t), expected, rtol=1e-6)
    np.testing.assert_allclose(mean_flow().loss(network, images, noise, t), expected, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_any_number_of_steps_is_exact_where_there_is_one_image(steps):
    image, noise, process = drawn((1, 4, 4, 1)), drawn((1, 4, 4, 1), 1), mean_flow()
    mean = process.mean
    assert mean is not None

    def network(z, t, span):  # a straight way: the mean velocity is the velocity
        return (z - image) / each(t)

    made = leap(lambda z, t, r: mean(network, z, t[None], r[None]), noise, process.schedule(steps))
    np.testing.assert_allclose(made, image, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_any_number_of_steps_is_exact_for_gaussian_data(steps):
    made = leap(
        lambda z, t, r: gaussian_mean(z, t[None], (t - r)[None]), jnp.ones((1, 1, 1, 1)), np.linspace(1, 0, steps + 1)
    )
    assert float(made.squeeze()) == pytest.approx(DEVIATION, abs=1e-6)  # f(0) / f(1)


def test_pairs_are_ordered_times_of_which_a_share_is_one_time():
    n = 20_000
    pairs = mean_flow(mean=0.3, velocities=0.25).pairs
    times = mean_flow(mean=0.3).times(spread_uniforms(jax.random.key(0), n))
    assert pairs is not None
    later, earlier = pairs(jax.random.key(1), times)
    equal = np.asarray(later == earlier)
    assert equal.mean() == pytest.approx(0.25, abs=0.015)
    assert bool((later >= earlier).all())
    assert 0 < float(earlier.min()) < float(later.max()) < 1
    # those of one time are spread as the times are; of the others, both together are
    both = np.concatenate([later[~equal], earlier[~equal]])
    for found in (np.asarray(later[equal]), both):
        np.testing.assert_allclose(np.quantile(found, [0.1, 0.5, 0.9]), np.quantile(times, [0.1, 0.5, 0.9]), atol=0.02)


def test_an_adaptive_weight_is_one_over_the_loss_and_has_no_gradient():
    losses = jnp.array([0.09, 0.99])
    np.testing.assert_allclose(adaptive_weight(losses), [10, 1], rtol=1e-5)
    np.testing.assert_allclose(adaptive_weight(losses, power=0), 1)
    assert not jax.grad(lambda losses: adaptive_weight(losses).sum())(losses).any()


NETWORKS = {
    "dit": lambda **how: Dit(1, 4, 16, 1, 2, classes=2, **how),
    "unet": lambda **how: Unet(1, 16, (1,), attention=(8,), classes=2, **how),
}


def shaken(params):
    flat, rng = flatten(params), np.random.default_rng(1)
    return unflatten({name: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32) for name, leaf in flat.items()})


@pytest.mark.parametrize("kind", list(NETWORKS))
def test_a_second_time_changes_nothing_until_its_layer_moves(kind):
    z, t, given = drawn((2, 8, 8, 1)), jnp.array([0.4, 0.8]), jnp.array([0, 2])
    network, spans = NETWORKS[kind](two_times=True), jnp.array([0.1, 0.7])
    fresh = flatten(jax.jit(network.init)(jax.random.key(0), z, t, given)["params"])
    added = {name: leaf for name, leaf in fresh.items() if name.startswith("span/")}
    assert set(added) == {"span/kernel", "span/bias"}
    assert not any(np.any(leaf) for leaf in added.values())
    apply, moved = jax.jit(network.apply), shaken(fresh)
    begun = unflatten(flatten(moved) | added)
    np.testing.assert_array_equal(*(apply({"params": begun}, z, t, given, one) for one in (spans, 0 * spans)))
    other, none = (apply({"params": moved}, z, t, given, one) for one in (spans, 0 * spans))
    assert np.abs(other - none).max() > 1e-3


def loss_and_gradient(kind, **how):
    """The function of no arguments that computes both for a network, not compiled yet."""
    images, noise, given = drawn((4, 8, 8, 1)), drawn((4, 8, 8, 1), 1), jnp.array([0, 1, 2, 2])
    t, r = jnp.array([0.5, 0.9, 0.3, 1.0]), jnp.array([0.1, 0.2, 0.3, 0.0])
    network = NETWORKS[kind](two_times=True, **how)

    def loss(params):
        def bound(z, t, span=None):
            return network.apply({"params": params}, z, t, given, span)

        return mean_flow().loss(bound, images, noise, t, r).mean()

    return lambda: jax.value_and_grad(loss)(shaken(network.init(jax.random.key(0), images, t, given)["params"]))


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("how", [{}, {"remat": True, "dtype": jnp.bfloat16}], ids=["plain", "spared"])
def test_every_network_has_a_derivative_along_the_way(kind, how):
    value, gradient = jax.eval_shape(loss_and_gradient(kind, **how))
    assert value.dtype == jnp.float32
    assert {"span/kernel", "span/bias"} <= set(flatten(gradient))


def test_computing_again_and_short_numbers_change_the_loss_as_little_as_they_must():
    value, gradient = jax.jit(loss_and_gradient("dit"))()
    again, gradient_again = jax.jit(loss_and_gradient("dit", remat=True))()
    short, _ = jax.jit(loss_and_gradient("dit", dtype=jnp.bfloat16))()
    assert all(np.any(leaf) for name, leaf in flatten(gradient).items() if "span" in name)
    for name, leaf in flatten(gradient).items():
        np.testing.assert_allclose(flatten(gradient_again)[name], leaf, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose([again, short], value, rtol=0.1)
