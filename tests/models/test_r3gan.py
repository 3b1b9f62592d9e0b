"""R3GAN's networks: grouped convolutions, resampling, blocks that begin as nothing, names that freezing goes by."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters
from jax import lax
from scipy.signal import convolve2d

from genjax.models.layers import LAYOUT
from genjax.models.r3gan import Block, Critic, Generator, doubled, grouped_convolution, halved, widths_of
from genjax.tree import flatten

LABELS = jnp.array([0, 2, 1, 2])


def shapes(module, *inputs):
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}


@cache
def compiled(module):
    return jax.jit(module.apply)


def applied(module, params, *inputs):
    return np.asarray(compiled(module)({"params": params}, *inputs))


def as_groups(images, kernel):
    groups = images.shape[-1] // kernel.shape[2]
    return lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT, feature_group_count=groups
    )


@pytest.mark.parametrize(("g", "c"), [(4, 12), (16, 16), (1, 3)])
def test_a_convolution_in_groups_is_xlas_and_so_are_its_gradients(g, c, getkey):
    images, kernel, weights = (normal(getkey(), shape) for shape in ((2, 4, 4, c), (3, 3, g, c), (2, 4, 4, c)))
    np.testing.assert_allclose(grouped_convolution(images, kernel), as_groups(images, kernel), atol=3e-5)
    for ours, theirs in zip(
        *(
            jax.jit(jax.grad(lambda *of, way=way: (way(*of) * weights).sum(), argnums=(0, 1)))(images, kernel)
            for way in (grouped_convolution, as_groups)
        ),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=3e-5)


def test_halving_is_the_filter_1_2_1_at_every_second_pixel(getkey):
    image = np.asarray(normal(getkey(), (8, 8)))
    filtered = convolve2d(np.pad(image, ((1, 0), (1, 0)), mode="edge"), np.outer([1, 2, 1], [1, 2, 1]) / 16, "valid")
    made = halved(jnp.asarray(image)[None, :, :, None])[0, :, :, 0]
    np.testing.assert_allclose(made, filtered[::2, ::2], atol=1e-6)


def test_doubling_is_the_filter_1_2_1_over_pixels_apart(getkey):
    image = np.asarray(normal(getkey(), (4, 4)))
    apart = np.zeros((8, 8))
    apart[1::2, 1::2] = image
    filtered = convolve2d(apart, np.outer([1, 2, 1], [1, 2, 1]) / 4, "same")
    made = np.asarray(doubled(jnp.asarray(image)[None, :, :, None])[0, :, :, 0])
    np.testing.assert_allclose(made[1:, 1:], filtered[1:, 1:], atol=1e-6)


@pytest.mark.parametrize("resampled", [doubled, halved])
def test_a_constant_image_stays_constant_up_to_its_border(resampled):
    np.testing.assert_allclose(resampled(jnp.full((1, 4, 4, 2), 0.7)), 0.7, atol=1e-6)


def test_a_block_gives_its_input_at_first(getkey):
    images, block = normal(getkey(), (2, 4, 4, 16)), Block(8)
    made, _ = block.init_with_output(getkey(), images)
    np.testing.assert_array_equal(np.asarray(made), images)


def test_a_block_begins_with_the_papers_variance(getkey):
    params = Block(8).init(getkey(), jnp.zeros((1, 4, 4, 64)))["params"]
    gain = np.sqrt(2 / 1.04) * 0.5946
    assert float(np.asarray(params["expand"]["kernel"]).std() * np.sqrt(64)) == pytest.approx(gain, rel=0.03)
    assert float(np.asarray(params["mix"]["kernel"]).std() * np.sqrt(9 * 16)) == pytest.approx(gain, rel=0.03)


def test_a_block_is_the_papers(getkey):
    images = normal(getkey(), (2, 4, 4, 8))
    params = jax.tree.map(np.asarray, parameters(Block(8), images))
    params |= {f"bias_{index}": np.asarray(normal(getkey(), (16,))) for index in (0, 1)}
    lrelu = lambda values: np.where(values > 0, values, 0.2 * values)  # noqa: E731
    hidden = np.asarray(images) @ params["expand"]["kernel"] + params["bias_0"]
    hidden = np.asarray(as_groups(jnp.asarray(lrelu(hidden)), params["mix"]["kernel"]))
    expected = np.asarray(images) + lrelu(hidden + params["bias_1"]) @ params["contract"]["kernel"]
    np.testing.assert_allclose(applied(Block(8), params, images), expected, atol=1e-4)


def test_the_names_and_widths_of_both_networks():
    generator = shapes(Generator(32, 3, 8, 6), jnp.zeros((1, 6)))
    assert {name.split("/")[0] for name in generator} == {"basis", "stem", "stage_4", "up_8", "up_16", "up_32", "image"}
    assert generator["basis"] == (4, 4, 32)
    assert generator["up_8/change/kernel"] == (32, 16)
    assert "up_32/change/kernel" not in generator  # as wide as the resolution before
    critic = shapes(Critic(32, 8), jnp.zeros((1, 32, 32, 3)))
    assert {name.split("/")[0] for name in critic} == {
        *("image", "down_16", "down_8", "down_4", "last", "basis", "head")
    }
    assert critic["down_4/block_1/mix/kernel"] == (3, 3, 16, 32)
    assert widths_of(32, 8) == [32, 16, 8, 8]


@pytest.mark.parametrize("width", [3, 12, 20])
def test_a_width_that_groups_of_16_do_not_divide_has_smaller_ones(width, getkey):
    images = normal(getkey(), (2, 8, 8, 1))
    shapes_of = shapes(Critic(8, width), images)
    group = shapes_of["last/block_0/mix/kernel"][2]
    assert 2 * width % group == 0
    assert group > 1
    assert np.isfinite(applied(Critic(8, width), parameters(Critic(8, width), images), images)).all()


def test_classes_change_both_networks(getkey):
    latents, images = normal(getkey(), (4, 6)), normal(getkey(), (4, 8, 8, 1))
    for network, inputs in ((Generator(8, 1, 8, 6, classes=3), latents), (Critic(8, 8, classes=3), images)):
        params = parameters(network, inputs, LABELS)
        told, other = applied(network, params, inputs, LABELS), applied(network, params, inputs, 0 * LABELS)
        np.testing.assert_allclose(told[0], other[0], atol=1e-5)
        assert np.abs(told[1:] - other[1:]).max() > 1e-3


def test_a_critic_of_classes_begins_as_one_without(getkey):
    images, of_classes, plain = normal(getkey(), (4, 8, 8, 1)), Critic(8, 8, classes=3), Critic(8, 8)
    params = of_classes.init(getkey(), images, LABELS)["params"]
    without = {name: tree for name, tree in params.items() if name != "projection"}
    np.testing.assert_allclose(applied(of_classes, params, images, LABELS), applied(plain, without, images), atol=1e-5)


def test_networks_of_classes_want_labels(getkey):
    with pytest.raises(ValueError, match="without labels"):
        Generator(8, classes=3).init(getkey(), jnp.zeros((1, 64)))


@pytest.mark.parametrize("network", [Generator(8, 3, 16, 6, jnp.bfloat16), Critic(8, 16, jnp.bfloat16)])
def test_in_bfloat16_outputs_are_float32_and_near(network, getkey):
    inputs = normal(getkey(), (4, 6) if isinstance(network, Generator) else (4, 8, 8, 3))
    params = parameters(network, inputs)
    made = jnp.asarray(network.apply({"params": params}, inputs))
    assert made.dtype == jnp.float32
    exact = applied(network.clone(dtype=jnp.float32), params, inputs)
    assert np.abs(np.asarray(made) - exact).mean() < 0.05 * np.abs(exact).mean() + 0.02
