"""Spectral normalisation: the value beside NumPy's, its gradient beside finite differences, kernels at the edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.models.resnet_gan.spectral import Conv, Dense, largest_singular_value, spectral_norm
from genjax.tree import flatten

VALUE = jax.jit(largest_singular_value)


@pytest.mark.parametrize("shape", [(72, 8), (8, 72), (9, 1), (1, 9), (5, 5)])
def test_the_value_is_the_largest_singular_value(shape, getkey):
    matrix = normal(getkey(), shape)
    assert float(VALUE(matrix)) == pytest.approx(np.linalg.svd(matrix, compute_uv=False)[0], rel=1e-4)


def test_it_is_right_from_the_first_use_where_one_power_iteration_is_not(getkey):
    matrix = normal(getkey(), (288, 32))
    vector = np.asarray(normal(getkey(), (32,)))
    once = matrix @ (vector / np.linalg.norm(vector))
    once = np.linalg.norm(matrix.T @ (once / np.linalg.norm(once)))
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    assert once < 0.95 * largest
    assert float(VALUE(matrix)) == pytest.approx(largest, rel=1e-3)


def test_nearly_equal_values_do_no_harm():
    matrix = np.diag([1.0, 0.9999, 0.5]).astype(np.float32)
    assert float(VALUE(matrix)) == pytest.approx(1.0, abs=2e-4)
    assert float(VALUE(np.eye(3, dtype=np.float32))) == pytest.approx(1.0, abs=1e-6)


def test_its_gradient_is_that_of_finite_differences(getkey):
    matrix, direction = np.float64(normal(getkey(), (6, 4))), np.float64(normal(getkey(), (6, 4)))
    slope = float((jax.jit(jax.grad(largest_singular_value))(jnp.float32(matrix)) * direction).sum())
    larger, smaller = (np.linalg.svd(matrix + step * direction, compute_uv=False)[0] for step in (1e-5, -1e-5))
    assert slope == pytest.approx((larger - smaller) / 2e-5, rel=1e-3)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_normalised_kernel_has_the_value_one_whatever_its_scale(scale, getkey):
    kernel = jax.jit(spectral_norm)(scale * normal(getkey(), (3, 3, 4, 8)))
    assert np.linalg.svd(kernel.reshape(-1, 8), compute_uv=False)[0] == pytest.approx(1.0, rel=1e-3)


def test_a_kernel_of_zeros_stays_one_and_has_a_finite_gradient():
    zeros = jnp.zeros((3, 3, 2, 2))
    assert not np.asarray(spectral_norm(zeros)).any()
    assert np.isfinite(jax.grad(lambda kernel: spectral_norm(kernel).sum())(zeros)).all()


@pytest.mark.parametrize("layer", [Conv(8, spectral=True), Dense(8, spectral=True)])
def test_a_layer_does_not_change_with_the_scale_of_its_kernel(layer, getkey):
    images = normal(getkey(), (2, 4, 4, 3))
    params = layer.init(getkey(), images)["params"]
    larger = params | {"kernel": 3 * params["kernel"]}
    np.testing.assert_allclose(*(layer.apply({"params": tree}, images) for tree in (params, larger)), atol=1e-6)


def test_layers_hold_nothing_but_kernel_and_bias(getkey):
    variables = Conv(8, spectral=True).init(getkey(), normal(getkey(), (1, 4, 4, 3)))
    assert set(variables) == {"params"}
    assert set(flatten(variables["params"])) == {"kernel", "bias"}


def test_kernels_begin_with_glorots_variance(getkey):
    params = Conv(64, spectral=False, gain=2.0).init(getkey(), jnp.zeros((1, 4, 4, 32)))["params"]
    kernel = np.asarray(params["kernel"])
    assert kernel.var() == pytest.approx(2 * 4 / (9 * (32 + 64)), rel=0.05)
    assert kernel.mean() == pytest.approx(0, abs=0.01)
