"""The transformer of patches: an identity at first, patches where they belong, conditions that are seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from noisy_networks import (
    applied,
    check_bfloat16,
    check_blocks_computed_again,
    check_condition,
    check_level,
    each_condition,
    initial,
    shaken,
    two_images,
)

from genjax.models.dit import Dit, DitBlock, modulated

IMAGES = two_images(16)


def tiny(**changes):
    settings: dict[str, Any] = {"channels": 1, "patch_size": 4, "width": 16, "depth": 2, "heads": 2}
    return Dit(**(settings | changes))


def test_a_block_is_the_identity_at_first():
    block = DitBlock(2, jnp.float32)
    hidden, level = np.random.default_rng(0).normal(size=(2, 6, 16)).reshape(12, 16), np.ones((2, 16))
    params = block.init(jax.random.key(0), jnp.asarray(hidden), jnp.asarray(level))
    np.testing.assert_array_equal(block.apply(params, jnp.asarray(hidden), jnp.asarray(level)), jnp.asarray(hidden))


def test_the_output_is_zero_at_first():
    network = tiny()
    assert not np.any(applied(network, initial(network, IMAGES), IMAGES))


def test_a_patch_comes_back_to_its_place():
    """Blocks that are still the identity mix no patches, so what a patch holds changes its own output alone."""
    network = tiny()
    params = shaken(initial(network, IMAGES), patterns=("head",))
    other = IMAGES.copy()
    other[:, 4:8, 8:12] += 1
    changed = np.abs(applied(network, params, IMAGES) - applied(network, params, other))
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


@each_condition
def test_a_condition_changes_its_own_image_alone(changes, one, other):
    check_condition(tiny, IMAGES, changes, one, other)


def test_the_noise_level_is_seen_and_images_do_not_see_each_other():
    check_level(tiny, IMAGES, atol=1e-5)


def test_bfloat16_computes_close_to_float32_and_gives_float32():
    check_bfloat16(tiny, IMAGES)


def test_computing_blocks_again_changes_no_gradient():
    check_blocks_computed_again(tiny, IMAGES, scale=0.3, rtol=1e-4, atol=1e-6)
