"""The network of embedded-v1: its names are those of the weights that are shipped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from drawn import uniform

from genjax.evaluate.features.embedded import WEIGHTS
from genjax.models.features.embedding import DIM, SIZE, Embedding, Heads
from genjax.tree import flatten, unflatten

SHAPES = {
    "conv_1/bias": (32,),
    "conv_1/kernel": (3, 3, 3, 32),
    "conv_2/bias": (64,),
    "conv_2/kernel": (3, 3, 32, 64),
    "conv_3/bias": (96,),
    "conv_3/kernel": (3, 3, 64, 96),
    "conv_4/bias": (128,),
    "conv_4/kernel": (3, 3, 96, 128),
    "conv_5/bias": (128,),
    "conv_5/kernel": (3, 3, 128, 128),
    "deviation": (DIM,),
    "mean": (DIM,),
}


@pytest.fixture(scope="module")
def params():
    stored = safetensors.numpy.load_file(WEIGHTS / "embedded-v1.safetensors")
    return unflatten({name: jnp.asarray(array, jnp.float32) for name, array in stored.items()})


@jax.jit
def features(params, images) -> jax.Array:
    return jnp.asarray(Embedding().apply({"params": params}, images))


def test_the_names_are_pinned():
    made = jax.eval_shape(Embedding().init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))["params"]
    assert {name: leaf.shape for name, leaf in flatten(made).items()} == SHAPES


def test_the_shipped_weights_fit():
    stored = safetensors.numpy.load_file(WEIGHTS / "embedded-v1.safetensors")
    assert {name: array.shape for name, array in stored.items()} == SHAPES
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in stored.values())
    assert (stored["deviation"] > 0).all()


def test_the_standardisation_is_applied_and_never_trained(params, getkey):
    images = uniform(getkey(), (3, SIZE, SIZE, 3), minval=-1, maxval=1)
    plain = params | {"mean": jnp.zeros(DIM), "deviation": jnp.ones(DIM)}
    moved = params | {"mean": jnp.full(DIM, 2.0), "deviation": jnp.full(DIM, 4.0)}
    np.testing.assert_allclose(features(moved, images), (features(plain, images) - 2) / 4, atol=1e-6)
    slope = jax.jit(jax.grad(lambda params: (features(params, images) ** 2).sum()))(moved)
    assert not np.any(slope["mean"])
    assert not np.any(slope["deviation"])
    assert np.any(slope["conv_1"]["kernel"])


def test_an_image_does_not_depend_on_the_others(params, getkey):
    images = uniform(getkey(), (3, SIZE, SIZE, 3), minval=-1, maxval=1)
    changed = images.at[1:].set(0)
    np.testing.assert_allclose(features(params, images)[0], features(params, changed)[0], atol=1e-4)


def test_heads_read_each_by_its_name():
    heads = Heads({"glyph": 5, "origin": 2})
    found, variables = jax.eval_shape(heads.init_with_output, jax.random.key(0), jnp.ones((3, DIM)))
    assert sorted(flatten(variables["params"])) == ["glyph/bias", "glyph/kernel", "origin/bias", "origin/kernel"]
    assert {name: logits.shape for name, logits in found.items()} == {"glyph": (3, 5), "origin": (3, 2)}
