"""The transformer of patches: an identity at first, patches where they belong, conditions that are seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.models.dit import Dit, DitBlock, modulated
from genjax.models.segments import Segment
from genjax.tree import flatten, unflatten

TEXT = Segment("text", 3, 9)
IMAGES = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype(np.float32)
LEVELS = np.array([0.2, 0.7], np.float32)


def tiny(**changes):
    settings: dict[str, Any] = {"channels": 1, "patch_size": 4, "width": 16, "depth": 2, "heads": 2}
    return Dit(**(settings | changes))


def initial(network, condition=None):
    return jax.jit(network.init)(jax.random.key(0), IMAGES, LEVELS, condition)["params"]


def applied(network, params, images=IMAGES, levels=LEVELS, condition=None):
    """The output of a network, by one compiled program."""
    return np.asarray(jax.jit(network.apply)({"params": params}, images, levels, condition))


def shaken(params, scale=0.3, patterns=("",)):
    """Moves the parameters whose names have one of these in them: many are zero at first."""
    flat, rng = flatten(params), np.random.default_rng(1)
    for name, leaf in flat.items():
        if any(pattern in name for pattern in patterns):
            flat[name] = leaf + scale * rng.normal(size=leaf.shape).astype(np.float32)
    return unflatten(flat)


def test_a_block_is_the_identity_at_first():
    block = DitBlock(2, jnp.float32)
    hidden, level = np.random.default_rng(0).normal(size=(2, 6, 16)).reshape(12, 16), np.ones((2, 16))
    params = block.init(jax.random.key(0), jnp.asarray(hidden), jnp.asarray(level))
    np.testing.assert_array_equal(block.apply(params, jnp.asarray(hidden), jnp.asarray(level)), jnp.asarray(hidden))


def test_the_output_is_zero_at_first():
    network = tiny()
    assert not np.any(applied(network, initial(network)))


def test_a_patch_comes_back_to_its_place():
    """Blocks that are still the identity mix no patches, so what a patch holds changes its own output alone."""
    network = tiny()
    params = shaken(initial(network), patterns=("head",))
    other = IMAGES.copy()
    other[:, 4:8, 8:12] += 1
    changed = np.abs(applied(network, params) - applied(network, params, other))
    inside = changed[:, 4:8, 8:12].copy()
    changed[:, 4:8, 8:12] = 0
    assert inside.min() > 0
    assert changed.max() < 1e-6


def test_tokens_are_normalised_then_scaled_and_shifted_image_by_image():
    hidden = np.random.default_rng(0).normal(2, 3, size=(6, 8)).astype(np.float32)
    shift, scale = np.arange(16, dtype=np.float32).reshape(2, 8), np.ones((2, 8), np.float32)
    normed = (hidden - hidden.mean(1, keepdims=True)) / np.sqrt(hidden.var(1, keepdims=True) + 1e-6)
    expected = normed * 2 + np.repeat(shift, 3, axis=0)
    np.testing.assert_allclose(
        modulated(jnp.asarray(hidden), jnp.asarray(shift), jnp.asarray(scale)), expected, atol=1e-4
    )


@pytest.mark.parametrize(
    ("changes", "one", "other"),
    [
        ({"classes": 3}, np.array([0, 2]), np.array([0, 3])),
        ({"text": TEXT}, np.array([[0, 1, 2], [3, 4, 5]]), np.array([[0, 1, 2], [9, 9, 9]])),
    ],
    ids=["class", "text"],
)
def test_a_condition_changes_its_own_image_alone(changes, one, other):
    network = tiny(**changes)
    params = shaken(initial(network, one))
    left = applied(network, params, condition=one)
    right = applied(network, params, condition=other)
    np.testing.assert_array_equal(left[0], right[0])
    assert np.abs(left[1] - right[1]).max() > 1e-3


def test_the_noise_level_is_seen_and_images_do_not_see_each_other():
    network = tiny()
    params = shaken(initial(network))
    both = applied(network, params)
    alone = applied(network, params, IMAGES[1:], LEVELS[1:])
    np.testing.assert_allclose(both[1:], alone, atol=1e-5)
    assert np.abs(applied(network, params, IMAGES[1:], LEVELS[:1]) - alone).max() > 1e-3


def test_bfloat16_computes_close_to_float32_and_gives_float32():
    params = shaken(initial(tiny()), 0.1)
    exact = applied(tiny(), params)
    rough = applied(tiny(dtype=jnp.bfloat16), params)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.05 * np.abs(exact).max()


def test_computing_blocks_again_changes_no_gradient():
    params = shaken(initial(tiny()))

    def loss(params, network):
        return (network.apply({"params": params}, jnp.asarray(IMAGES), jnp.asarray(LEVELS)) ** 2).mean()

    kept, again = (jax.jit(jax.grad(loss), static_argnums=1)(params, tiny(remat=remat)) for remat in (False, True))
    for left, right in zip(jax.tree.leaves(kept), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
