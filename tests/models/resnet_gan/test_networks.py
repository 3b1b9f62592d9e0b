"""The networks of residual blocks: beside NumPy, names that freezing goes by, classes, latents in parts."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.models.resnet_gan.networks import Critic, Generator, parts_of
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


def layer(params, inputs, *, spectral=True):
    """A linear layer, or a 3x3 convolution as nine of them, with NumPy's singular values."""
    kernel = np.asarray(params["kernel"], np.float64)
    if spectral:
        kernel = kernel / np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    bias = np.asarray(params.get("bias", 0.0))
    if kernel.ndim == 2:
        return inputs @ kernel + bias
    _, h, w, _ = inputs.shape
    padded = np.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(padded[:, i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3)) + bias


def relu(values):
    return np.maximum(values, 0)


def halved(images):
    n, h, w, c = images.shape
    return images.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def doubled(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def normed(params, images, scale: Any = 0.0, shift: Any = 0.0):  # one group: fewer than 16 channels
    centred = images - images.mean(axis=(1, 2, 3), keepdims=True)
    made = centred / np.sqrt(np.square(centred).mean(axis=(1, 2, 3), keepdims=True) + 1e-6)
    return (made * np.asarray(params["scale"]) + np.asarray(params["bias"])) * (1 + scale) + shift


def test_the_critic_is_the_papers_block_by_block(getkey):
    critic, images = Critic(16, width=8, classes=3), normal(getkey(), (4, 16, 16, 2))
    params = parameters(critic, images, LABELS)
    hidden = np.asarray(images, np.float64)
    for name in ("down_8", "down_4", "block_4"):
        block = params[name]
        inner = layer(block["conv_0"], hidden if name == "down_8" else relu(hidden))
        inner = layer(block["conv_1"], relu(inner))
        # Here the shortcut's linear layer comes first, as in the paper, and the halving afterwards.
        hidden = hidden + inner if name == "block_4" else halved(inner) + halved(layer(block["skip"], hidden))
    summed = relu(hidden).sum(axis=(1, 2))
    projected = (np.asarray(params["projection"]["embedding"])[LABELS] * summed).sum(axis=-1)
    expected = layer(params["head"], summed)[:, 0] + projected
    np.testing.assert_allclose(applied(critic, params, images, LABELS), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("big", [False, True])
def test_the_generator_is_the_papers_block_by_block(big, getkey):
    generator, latents = Generator(16, 2, 8, 7, classes=3, big=big), normal(getkey(), (4, 7))
    params = parameters(generator, latents, LABELS)
    whole = np.asarray(latents, np.float64)
    parts = [whole[:, :3], whole[:, 3:5], whole[:, 5:]] if big else [whole, whole[:, :0], whole[:, :0]]
    row = np.asarray(params["class"]["embedding"], np.float64)[LABELS]
    hidden = layer(params["stem"], parts[0], spectral=big).reshape(4, 4, 4, 8)
    for name, part in zip(("up_8", "up_16"), parts[1:], strict=True):
        block, style = params[name], np.concatenate([row, part], axis=1)
        moved = [layer(block[f"style_{index}"], style, spectral=big)[:, None, None] for index in (0, 1)]
        inner = relu(normed(block["norm_0"], hidden, moved[0][..., :8], moved[0][..., 8:]))
        inner = layer(block["conv_0"], doubled(inner), spectral=big)
        inner = relu(normed(block["norm_1"], inner, moved[1][..., :8], moved[1][..., 8:]))
        inner = layer(block["conv_1"], inner, spectral=big)
        hidden = inner + layer(block["skip"], doubled(hidden), spectral=big)  # doubled first, as in the paper
        if big and name == "up_8":
            hidden = hidden + float(params["attention"]["gamma"]) * attended(params["attention"], hidden)
    expected = np.tanh(layer(params["image"], relu(normed(params["norm"], hidden)), spectral=big))
    np.testing.assert_allclose(applied(generator, params, latents, LABELS), expected, atol=1e-3)


def attended(params, images):
    """The attention of each place to the largest of each four, place by place. (Zhang et al. 2019, eq. 1 and 2)"""
    n, h, w, c = images.shape
    query = layer(params["query"], images).reshape(n, h * w, -1)
    key, value = (
        layer(params[name], images).reshape(n, h // 2, 2, w // 2, 2, -1).max(axis=(2, 4)).reshape(n, h * w // 4, -1)
        for name in ("key", "value")
    )
    weights = np.exp(np.einsum("nqc,nkc->nqk", query, key))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return layer(params["out"], np.einsum("nqk,nkc->nqc", weights, value).reshape(n, h, w, c // 2))


def test_attention_adds_nothing_at_first(getkey):
    generator = Generator(8, 1, 8, 6, big=True)
    params = generator.init(getkey(), jnp.zeros((1, 6)))["params"]
    assert not np.asarray(params["attention"]["gamma"])


def test_the_names_of_the_critic():
    critic = shapes(Critic(32, width=8), jnp.zeros((1, 32, 32, 3)))
    assert {name.split("/")[0] for name in critic} == {"down_16", "down_8", "down_4", "block_4", "head"}
    assert critic["down_16/conv_0/kernel"] == (3, 3, 3, 8)
    big = shapes(Critic(32, width=8, big=True), jnp.zeros((1, 32, 32, 3)))
    assert set(big) - set(critic) == {
        "attention/gamma",
        *(f"attention/{part}/kernel" for part in ("query", "key", "value", "out")),
    }


def test_the_names_of_the_generator():
    names = shapes(Generator(32, 3, 8, 6), jnp.zeros((1, 6)))
    assert {name.split("/")[0] for name in names} == {"stem", "up_8", "up_16", "up_32", "norm", "image"}
    assert names["up_32/conv_1/kernel"] == (3, 3, 8, 8)
    assert names["image/kernel"] == (3, 3, 8, 3)


def test_a_critic_of_classes_begins_as_one_without(getkey):
    images, of_classes, plain = normal(getkey(), (4, 8, 8, 1)), Critic(8, width=8, classes=3), Critic(8, width=8)
    params = of_classes.init(getkey(), images, LABELS)["params"]
    without = {name: tree for name, tree in params.items() if name != "projection"}
    np.testing.assert_allclose(applied(of_classes, params, images, LABELS), applied(plain, without, images), atol=1e-5)


def test_an_image_depends_on_its_own_latents_and_class_alone(getkey):
    generator, latents = Generator(8, 1, 8, 6, classes=3), normal(getkey(), (4, 6))
    params = parameters(generator, latents, LABELS)
    whole = applied(generator, params, latents, LABELS)
    changed = applied(generator, params, latents.at[1:].set(0), LABELS.at[1:].set(0))
    np.testing.assert_allclose(whole[0], changed[0], atol=1e-5)
    assert not np.allclose(whole, applied(generator, params, latents, 0 * LABELS), atol=1e-2)


def test_networks_of_classes_want_labels(getkey):
    with pytest.raises(ValueError, match="without labels"):
        Generator(8, classes=3).init(getkey(), jnp.zeros((1, 64)))


@pytest.mark.parametrize("network", [Generator(8, 3, 16, 6, jnp.bfloat16, 3, big=True), Critic(8, 16, jnp.bfloat16, 3)])
def test_in_bfloat16_outputs_are_float32_and_near(network, getkey):
    inputs = normal(getkey(), (4, 6) if isinstance(network, Generator) else (4, 8, 8, 3))
    params = parameters(network, inputs, LABELS)
    made = jnp.asarray(network.apply({"params": params}, inputs, LABELS))
    assert made.dtype == jnp.float32
    exact = applied(network.clone(dtype=jnp.float32), params, inputs, LABELS)
    assert np.abs(np.asarray(made) - exact).mean() < 0.05 * np.abs(exact).mean() + 0.02


@pytest.mark.parametrize(("length", "parts"), [(64, 3), (7, 3), (80, 4)])
def test_latents_are_split_whole_and_in_order(length, parts):
    latents = jnp.arange(2.0 * length).reshape(2, length)
    split = parts_of(latents, parts)
    assert len(split) == parts
    assert max(part.shape[1] for part in split) - min(part.shape[1] for part in split) <= 1
    np.testing.assert_array_equal(jnp.concatenate(split, axis=1), latents)
