"""The fast forms against XLA's own, in value and in gradients of both orders."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters
from flax import linen as nn
from jax import lax

from experiments.bench.peers import plain_flax
from genjax.models import dcgan, layers

SHAPES = [(6, 4, 6, 9), (5, 3, 16, 8), (6, 5, 4, 3), (1, 8, 16, 8)]  # n, h, c, d


def plain_double(coarse, kernel):
    return lax.conv_transpose(coarse, kernel, (2, 2), "SAME", dimension_numbers=layers.LAYOUT)


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * float(jnp.abs(theirs).max()), rtol=1e-5)


@pytest.fixture(params=SHAPES, ids=str)
def arrays(request, getkey):
    n, h, c, d = request.param
    coarse = normal(getkey(), (n, h, h + 1, c))
    kernel = normal(getkey(), (4, 4, c, d))
    fine = normal(getkey(), (n, 2 * h, 2 * h + 2, d))
    return coarse, kernel, fine


def test_double_and_its_gradients_are_xlas(arrays):
    coarse, kernel, fine = arrays

    @partial(jax.jit, static_argnums=0)
    def image_and_slopes(double):
        images, pullback = jax.vjp(double, coarse, kernel)
        return images, pullback(fine)

    pairs = zip(*(jax.tree.leaves(image_and_slopes(form)) for form in (layers.double, plain_double)), strict=True)
    for mine, other in pairs:
        assert_same(mine, other)


def test_what_samples_is_the_program_of_plain_flax(getkey):
    """It is then as fast wherever it runs: forms that pay by their gradients cost those nothing who take none."""
    latents = normal(getkey(), (64, 8))
    ours = dcgan.Generator(16, 1, width=8, latent_size=8)
    theirs = plain_flax.Generator(16, 1, width=8, latent_size=8)
    variables = {"params": parameters(ours, latents)}

    def program(module):
        text = jax.jit(module.apply).lower(variables, latents).compile().as_text() or ""
        return re.findall(r" = \S+ ([\w-]+)\(", text)  # its operations, in their order

    assert "convolution" in program(theirs)
    assert program(ours) == program(theirs)


def assert_same_module(ours, theirs, images):
    """Compares the outputs of two modules, and the gradients in their parameters and in the images."""

    @partial(jax.jit, static_argnums=0)
    def applied(module, variables, images):
        made, pullback = jax.vjp(module.apply, variables, images)
        return made, pullback(jnp.cos(made))

    variables = {"params": parameters(ours, images)}
    pairs = zip(*(jax.tree.leaves(applied(module, variables, images)) for module in (ours, theirs)), strict=True)
    for left, right in pairs:
        assert_same(left, right)


def test_the_strided_module_is_flaxs(arrays):
    assert_same_module(layers.DownConv(5), nn.Conv(5, (4, 4), (2, 2), padding=1), arrays[2])


def test_the_transposed_module_is_flaxs(arrays):
    assert_same_module(layers.UpConv(9), nn.ConvTranspose(9, (4, 4), (2, 2), padding="SAME"), arrays[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["double", "halve", "correlate"])
def test_second_order_gradients_agree_with_xlas(name, getkey):
    """The gradient of a gradient's norm, as R1 takes it, through each of the three forms."""
    coarse = normal(getkey(), (5, 3, 3, 4))
    kernel = normal(getkey(), (4, 4, 4, 9))
    fine = normal(getkey(), (5, 6, 6, 9))
    plain = {
        "double": plain_double,
        "halve": lambda fine, kernel: jax.linear_transpose(lambda x: plain_double(x, kernel), coarse)(fine)[0],
        "correlate": lambda coarse, fine: jax.linear_transpose(lambda k: plain_double(coarse, k), kernel)(fine)[0],
    }[name]
    inputs = {"double": (coarse, kernel), "halve": (fine, kernel), "correlate": (coarse, fine)}[name]

    def slope_norm(function, a, b):
        return jnp.sum(jax.grad(lambda a: jnp.sum(jnp.sin(function(a, b))))(a) ** 2)

    for argument in (1, 2):
        slopes = jax.jit(jax.grad(slope_norm, argument), static_argnums=0)
        ours, theirs = (slopes(form, *inputs) for form in (getattr(layers, name), plain))
        np.testing.assert_allclose(ours, theirs, atol=2e-4 * float(jnp.abs(theirs).max()))


def test_minibatch_deviation_sees_a_collapsed_batch(getkey):
    images = normal(getkey(), (1, 4, 4, 3))
    collapsed = layers.minibatch_deviation(jnp.tile(images, (8, 1, 1, 1)))
    varied = layers.minibatch_deviation(normal(getkey(), (8, 4, 4, 3)))
    assert collapsed.shape == (8, 4, 4, 4)
    np.testing.assert_allclose(collapsed[..., -1], 1e-4, rtol=1e-3)  # the root of the offset alone
    assert float(varied[..., -1].min()) > 0.5


def test_minibatch_deviation_compares_inside_a_group(getkey):
    features = normal(getkey(), (6, 2, 2, 1))
    found = layers.minibatch_deviation(features, group=3)[..., -1]
    members = np.asarray(features).reshape(2, 3, 2, 2, 1)
    expected = np.sqrt(members.var(axis=1) + 1e-8).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found[:, 0, 0], np.repeat(expected, 3), rtol=1e-5)


def test_minibatch_deviation_takes_any_batch(getkey):
    assert layers.minibatch_deviation(normal(getkey(), (7, 2, 2, 1))).shape == (7, 2, 2, 2)


def test_halving_averages_four_pixels_and_doubling_repeats_one():
    images = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    four = sum(images[:, row::2, column::2] for row in (0, 1) for column in (0, 1)) / 4
    np.testing.assert_allclose(layers.resampled(jnp.asarray(images), "halve"), four, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layers.resampled(jnp.asarray(images), "double"), images.repeat(2, 1).repeat(2, 2))
