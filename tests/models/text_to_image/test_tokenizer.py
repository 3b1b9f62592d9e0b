"""The networks of the tokenizers: names, shapes, and that decoding codes is decoding their vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.models.text_to_image.tokenizer import Tokenizer, channels_at, resolutions
from genjax.tree import flatten

TINY = Tokenizer(size=16, grid=4, channels=1, codes=12, code_size=6, width=8, depth=1, encoded=6, decoded=1)


@pytest.fixture(scope="module")
def variables():
    return {"params": parameters(TINY, jnp.zeros((1, 16, 16, 1)))}


def test_the_names_of_the_default_tokenizer():
    params = jax.eval_shape(lambda: Tokenizer().init(jax.random.key(0), jnp.zeros((1, 32, 32, 3))))["params"]
    names = {name for name in flatten(params) if name.endswith(("kernel", "codebook"))}
    blocks = {f"{part}/block_{i}/{layer}/kernel" for part in PARTS for i in (0, 1) for layer in ("conv", "out")}
    encoder = {f"encoder/{layer}/kernel" for layer in ("down_16", "down_8", "head")}
    decoder = {f"decoder/{layer}/kernel" for layer in ("stem", "up_16", "up_32")}
    assert names == blocks | encoder | decoder | {"codebook"}


PARTS = ("encoder", "decoder")


def test_an_image_becomes_a_grid_of_vectors_and_an_image_again(variables, getkey):
    images = normal(getkey(), (3, 16, 16, 1))
    vectors = jnp.asarray(TINY.apply(variables, images, method="encode"))
    assert (vectors.shape, vectors.dtype) == ((3, 4, 4, 6), jnp.float32)
    decoded = jnp.asarray(TINY.apply(variables, vectors, method="decode"))
    assert (decoded.shape, decoded.dtype) == ((3, 16, 16, 1), jnp.float32)


def test_tokens_are_decoded_row_by_row(variables):
    tokens = jnp.arange(16)[None] % 12
    codes = variables["params"]["codebook"][tokens[0]].reshape(1, 4, 4, 6)
    by_tokens = jnp.asarray(TINY.apply(variables, tokens, method="decode_tokens"))
    np.testing.assert_array_equal(by_tokens, jnp.asarray(TINY.apply(variables, codes, method="decode")))


def test_bfloat16_networks_give_float32():
    half = TINY.clone(dtype=jnp.bfloat16)
    shapes = jax.eval_shape(lambda: half.init_with_output(jax.random.key(0), jnp.zeros((1, 16, 16, 1))))
    assert shapes[0].dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes[1])} == {jnp.dtype(jnp.float32)}


def test_resolutions_and_channels():
    assert resolutions(32, 8) == [8, 16, 32]
    assert [channels_at(resolution, 32, 10) for resolution in (16, 8)] == [10, 20]
