"""Group normalisation: Flax's own in value and gradient, in both forms of the sums; forward mode; modulation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genjax.models import group_norm
from genjax.models.group_norm import GroupNorm

IMAGES = jnp.asarray(np.random.default_rng(0).normal(1, 2, size=(2, 4, 6, 32)), jnp.float32)
PARAMS = {"scale": jnp.linspace(0.5, 2, 32), "bias": jnp.linspace(-1, 1, 32)}


def of_flax(params, images):
    return jnp.asarray(nn.GroupNorm(num_groups=2).apply({"params": params}, images))


def own(params, images, *modulation):
    return jnp.asarray(GroupNorm().apply({"params": params}, images, *modulation))


@pytest.fixture(params=[True, False], ids=["products", "sums"])
def on_a_cpu(request, monkeypatch):
    """Takes the form of a CPU, then that of other devices."""
    monkeypatch.setattr(group_norm, "on_cpu", lambda: request.param)


def test_it_equals_flax_in_value_and_gradient(on_a_cpu):
    def loss(norm):
        def summed(*inputs):
            made = norm(*inputs)
            return jnp.sin(made).sum(), made

        return jax.jit(jax.grad(summed, (0, 1), has_aux=True))

    (ours, made), (theirs, expected) = (loss(norm)(PARAMS, IMAGES) for norm in (own, of_flax))
    np.testing.assert_allclose(made, expected, rtol=2e-6, atol=2e-6)
    for left, right in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def test_it_has_gradients_in_forward_mode(on_a_cpu):
    tangent = jnp.cos(IMAGES)
    made, expected = (
        jax.jit(lambda norm=norm: jax.jvp(lambda images: norm(PARAMS, images), (IMAGES,), (tangent,))[1])()
        for norm in (own, of_flax)
    )
    np.testing.assert_allclose(made, expected, rtol=2e-6, atol=2e-6)


def test_each_image_has_its_scale_and_shift(on_a_cpu):
    scale, shift = jnp.stack([jnp.zeros(32), jnp.arange(32.0)]), jnp.stack([jnp.ones(32), jnp.zeros(32)])
    made, plain = own(PARAMS, IMAGES, scale, shift), of_flax(PARAMS, IMAGES)
    np.testing.assert_allclose(made[0], plain[0] + 1, atol=1e-5)
    np.testing.assert_allclose(made[1], plain[1] * (1 + jnp.arange(32.0))[None, None], rtol=1e-4, atol=1e-4)


def test_statistics_of_bfloat16_are_float32():
    far = IMAGES.astype(jnp.bfloat16) + 200  # their variance would be lost in 8 bits
    made = jnp.asarray(GroupNorm(jnp.bfloat16).apply({"params": PARAMS}, far))
    assert made.dtype == jnp.bfloat16
    np.testing.assert_allclose(made.astype(np.float32), of_flax(PARAMS, far.astype(jnp.float32)), atol=0.05)


def test_channels_that_fill_no_groups_are_one():
    params = {"scale": jnp.ones(4), "bias": jnp.zeros(4)}
    made = own(params, IMAGES[..., :4])
    np.testing.assert_allclose(made.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(made.var(axis=(1, 2, 3)), 1, atol=1e-4)
