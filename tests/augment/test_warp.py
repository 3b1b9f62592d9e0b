"""Resampling against scipy, numpy's own moves, and its second form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, uniform
from scipy import ndimage

from genjax.augment import warp as module
from genjax.augment.warp import background, warp


@pytest.fixture
def images():
    return uniform(jax.random.key(1), (6, 8, 8, 3), minval=-1, maxval=1)


@pytest.fixture
def matrices():
    linear = np.eye(2) + 0.5 * np.random.default_rng(0).standard_normal((6, 2, 2))
    shift = np.random.default_rng(1).uniform(-3, 3, (6, 2, 1))
    last = np.broadcast_to([0, 0, 1], (6, 1, 3))
    return jnp.asarray(np.concatenate([np.concatenate([linear, shift], 2), last], 1), jnp.float32)


@pytest.fixture(params=["windows", "products"])
def form(request, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: {"windows": "cpu", "products": "tpu"}[request.param])
    return jax.jit(lambda *arguments: warp(*arguments))


def moved(entries):
    return jnp.asarray(entries, jnp.float32)[None].repeat(6, 0)


def test_agrees_with_scipy(form, images, matrices):
    grid = np.indices((8, 8))[::-1].reshape(2, -1) - 3.5  # x, y
    for image, matrix, ground, found in zip(images, matrices, background(images), form(images, matrices), strict=True):
        x, y = np.asarray(matrix)[:2, :2] @ grid + np.asarray(matrix)[:2, 2:] + 3.5
        for channel in range(3):
            expected = ndimage.map_coordinates(
                image[..., channel], [y, x], order=1, mode="grid-constant", cval=float(ground[channel])
            )
            np.testing.assert_allclose(found[..., channel].ravel(), expected, atol=1e-5)


def test_identity_is_bit_exact(form, images):
    np.testing.assert_array_equal(form(images, moved(np.eye(3))), images)


def test_moves_that_need_no_interpolation_are_exact(form, images):
    flipped = form(images, moved([[-1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    np.testing.assert_array_equal(flipped, images[:, :, ::-1])
    turned = form(images, moved([[0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    np.testing.assert_array_equal(turned, np.rot90(images, axes=(1, 2)))
    shifted = form(images, moved([[1, 0, -2], [0, 1, 1], [0, 0, 1]]))  # two to the right, one up
    framed = np.broadcast_to(np.asarray(background(images))[:, None, None], images.shape).copy()
    framed[:, :-1, 2:] = images[:, 1:, :-2]
    np.testing.assert_array_equal(shifted, framed)


def test_far_away_is_background(form, images):
    away = form(images, moved([[1, 0, 100], [0, 1, 0], [0, 0, 1]]))
    np.testing.assert_array_equal(away, np.broadcast_to(background(images)[:, None, None], images.shape))


def test_background_is_not_tinged_by_one_corner():
    images = jnp.full((2, 5, 5, 1), -1.0).at[0, 0, 0].set(1.0).at[1, 2, 2].set(1.0)
    np.testing.assert_array_equal(background(images), np.full((2, 1), -1.0))


def test_forms_have_the_same_gradient(images, matrices):
    framed = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x, y = (jnp.clip(place + 1, 0, 9) for place in module._places(matrices, 8))
    slope = normal(jax.random.key(2), images.shape)
    forms = (module._read_windows, module._multiply)
    gradients = [jax.jit(jax.grad(lambda i, f=f: (f(i, x, y) * slope).sum()))(framed) for f in forms]
    np.testing.assert_allclose(*gradients, atol=1e-5)


def test_keeps_dtype(form, images, matrices):
    half = form(images.astype(jnp.bfloat16), matrices)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), form(images, matrices), atol=0.03)
