"""The U-Net: shortcuts at first, a block by hand, attention where it is chosen, conditions, and every size."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from noisy_networks import (
    LEVELS,
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
from scipy.signal import correlate

from genjax.models.layers import resampled
from genjax.models.unet import PixelAttention, Unet, UnetBlock, sizes_of
from genjax.tree import flatten

IMAGES = two_images(8)


def tiny(**changes):
    return Unet(**({"channels": 1, "width": 4, "multipliers": (1, 2), "attention": (4,)} | changes))


def given_by(module, params, *inputs):
    """What a part of a network makes of its inputs."""
    return jnp.asarray(module.apply({"params": params}, *inputs))


def shapes_of(network, size=8):
    """{name: shape} of the parameters, without computing any."""
    images = jax.ShapeDtypeStruct((1, size, size, network.channels), jnp.float32)
    made = jax.eval_shape(network.init, jax.random.key(0), images, jax.ShapeDtypeStruct((1,), jnp.float32))
    return {name: leaf.shape for name, leaf in flatten(made["params"]).items()}


def test_the_blocks_and_their_sizes():
    names = {name.split("/")[0] for name in shapes_of(tiny())}
    around = {"input", "level", "norm", "head"}
    down, up = {"down_8_0", "down_4_0", "down_4_1"}, {"up_4_0", "up_4_1", "up_8_0", "up_8_1", "up_8_2"}
    assert names == around | down | {"middle_0", "middle_1"} | up


def test_the_default_has_three_million_parameters():
    shapes = shapes_of(Unet(3), size=32)
    assert 2.9e6 < sum(np.prod(shape) for shape in shapes.values()) < 3.5e6


@pytest.mark.parametrize(
    ("size", "multipliers", "attention", "expected"),
    [
        (32, (1, 2, 4), (8,), {32: 1, 16: 2, 8: 4}),
        (16, (1, 2, 4), (8,), {16: 1, 8: 2, 4: 4}),
        (128, (1, 2, 4), (16, 8), {128: 1, 64: 2, 32: 4, 16: 4, 8: 4}),
        (512, (1, 2), (), {512: 1, 256: 2}),
    ],
)
def test_the_last_multiplier_serves_the_sizes_down_to_the_attention(size, multipliers, attention, expected):
    assert sizes_of(size, multipliers, attention) == expected


def test_attention_is_where_it_is_chosen():
    def attending(**changes):
        return {name.split("/")[0] for name in shapes_of(tiny(**changes)) if "attention" in name}

    assert attending() == {"down_4_1", "middle_0", "up_4_1"}
    assert attending(attention=(8,)) == {"down_8_0", "up_8_2"}
    assert attending(attention=()) == set()


def test_a_block_is_the_identity_at_first():
    block = UnetBlock(4, attention=True)
    hidden, level = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 4)), jnp.float32), jnp.ones((2, 8))
    params = block.init(jax.random.key(0), hidden, level)["params"]
    np.testing.assert_array_equal(given_by(block, params, hidden, level), hidden)


@pytest.mark.parametrize("how", ["halve", "double"])
def test_a_block_that_resamples_begins_as_the_resampling(how):
    hidden = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 4, 4)), jnp.float32)
    block, level = UnetBlock(4, how), jnp.ones((2, 8))
    made = given_by(block, block.init(jax.random.key(0), hidden, level)["params"], hidden, level)
    np.testing.assert_allclose(made, resampled(hidden, how), atol=1e-6)


def by_hand(params, images, level):
    """A block in numpy and SciPy: one group of channels, a shortcut where the width changes."""

    def silu(values):
        return values / (1 + np.exp(-values))

    def normed(values, part):
        mean, variance = values.mean((1, 2, 3), keepdims=True), values.var((1, 2, 3), keepdims=True)
        return (values - mean) / np.sqrt(variance + 1e-6) * part["scale"] + part["bias"]

    def convolved(values, part):
        padded = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
        kernel = part["kernel"]
        planes = [
            [correlate(image, kernel[..., out], "valid")[:, :, 0] for out in range(kernel.shape[-1])]
            for image in padded
        ]
        return np.moveaxis(np.array(planes), 1, -1) + part["bias"]

    hidden = convolved(silu(normed(images, params["norm_0"])), params["conv_0"])
    modulation = silu(level) @ params["modulation"]["kernel"] + params["modulation"]["bias"]
    scale, shift = np.split(modulation[:, None, None], 2, axis=-1)
    hidden = convolved(silu(normed(hidden, params["norm_1"]) * (1 + scale) + shift), params["conv_1"])
    return images @ params["shortcut"]["kernel"] + params["shortcut"]["bias"] + hidden


def test_a_block_equals_its_form_by_hand():
    rng = np.random.default_rng(0)
    images, level = rng.normal(size=(2, 4, 4, 3)).astype(np.float32), rng.normal(size=(2, 6)).astype(np.float32)
    block = UnetBlock(5)
    params = shaken(block.init(jax.random.key(0), jnp.asarray(images), jnp.asarray(level))["params"])
    made = given_by(block, params, jnp.asarray(images), jnp.asarray(level))
    np.testing.assert_allclose(made, by_hand(jax.tree.map(np.asarray, params), images, level), rtol=1e-4, atol=1e-4)


def test_attention_sees_pixels_wherever_they_are_and_words():
    """Pixels that change places change nothing else; a word changes all of them."""
    rng = np.random.default_rng(0)
    images, words = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((1, 4, 4, 4), (1, 3, 6)))
    attention = PixelAttention()
    params = shaken(attention.init(jax.random.key(0), images, words)["params"])
    made = given_by(attention, params, images, words)
    order = rng.permutation(16)
    moved = given_by(attention, params, images.reshape(1, 16, 4)[:, order].reshape(1, 4, 4, 4), words)
    np.testing.assert_allclose(moved, made.reshape(1, 16, 4)[:, order].reshape(1, 4, 4, 4), atol=1e-4)
    other = given_by(attention, params, images, words.at[0, 1].add(1.0))
    assert jnp.abs(other - made).max(axis=-1).min() > 1e-5


@pytest.mark.slow
def test_the_output_is_zero_at_first_and_a_few_updates_reach_every_parameter():
    """The head learns first, then the last convolutions of the blocks, then all else."""
    network, target = tiny(classes=2), IMAGES[::-1].copy()
    classes, optimizer = np.array([0, 2]), optax.sgd(0.3)
    params = initial(network, IMAGES, classes)
    assert not np.any(applied(network, params, IMAGES, condition=classes))

    @jax.jit
    def step(params):
        def loss(params):
            made = given_by(network, params, jnp.asarray(IMAGES), jnp.asarray(LEVELS), jnp.asarray(classes))
            return jnp.square(made - target).mean()

        gradients = jax.grad(loss)(params)
        return optax.apply_updates(params, optimizer.update(gradients, optimizer.init(params))[0]), gradients

    _, gradients = step(step(step(params)[0])[0])
    for name, gradient in flatten(gradients).items():
        assert np.any(gradient), name


@each_condition
def test_a_condition_changes_its_own_image_alone(changes, one, other):
    check_condition(tiny, IMAGES, changes, one, other)


def test_the_noise_level_is_seen_and_images_do_not_see_each_other():
    check_level(tiny, IMAGES, rtol=1e-4, atol=1e-4)


def test_bfloat16_computes_close_to_float32_and_gives_float32():
    check_bfloat16(tiny, IMAGES)


@pytest.mark.slow
def test_computing_blocks_again_changes_no_gradient():
    check_blocks_computed_again(tiny, IMAGES, scale=0.1, rtol=1e-3, atol=1e-5)
