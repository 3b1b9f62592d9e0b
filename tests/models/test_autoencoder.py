"""The autoencoder of a flow in latents: names, shapes, and latents that are counted in deviations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.models.autoencoder import Autoencoder
from genjax.tree import flatten

TINY = Autoencoder(size=8, factor=4, channels=1, latents=2, width=4)


@pytest.fixture(scope="module")
def params():
    return jax.jit(TINY.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))["params"]


def test_the_names_of_the_default_autoencoder():
    params = jax.eval_shape(lambda: Autoencoder().init(jax.random.key(0), jnp.zeros((1, 32, 32, 3))))["params"]
    names = {name for name in flatten(params) if name.endswith("kernel") or name.count("/") == 0}
    blocks = {f"encoder/block_{at}_0/{layer}/kernel" for at in (16, 8) for layer in ("conv", "out")}
    blocks |= {f"decoder/block_{at}_0/{layer}/kernel" for at in (16, 8) for layer in ("conv", "out")}
    encoder = {f"encoder/{layer}/kernel" for layer in ("down_16", "down_8", "head")}
    decoder = {f"decoder/{layer}/kernel" for layer in ("stem", "up_16", "up_32")}
    assert names == blocks | encoder | decoder | {"mean", "deviation"}


@pytest.mark.parametrize(("size", "factor", "channels"), [(16, 2, 1), (32, 4, 3), (64, 8, 3), (256, 8, 3)])
def test_an_image_becomes_a_smaller_one_and_an_image_again(size, factor, channels):
    module = Autoencoder(size=size, factor=factor, channels=channels, latents=5, width=8, dtype=jnp.bfloat16)
    images = jnp.zeros((2, size, size, channels))

    def through():
        variables = module.init(jax.random.key(0), images)
        mean, log_variance = module.apply(variables, images, method="encode")
        return mean, log_variance, module.apply(variables, mean, method="decode")

    mean, log_variance, made = jax.eval_shape(through)
    assert mean.shape == log_variance.shape == (2, size // factor, size // factor, 5)
    assert made.shape == images.shape
    assert {part.dtype for part in (mean, log_variance, made)} == {jnp.dtype(jnp.float32)}


def test_latents_in_deviations_are_those_of_the_encoder_moved_and_scaled(params, getkey):
    images = jax.random.normal(getkey(), (3, 8, 8, 1))
    scaled = {"params": {**params, "mean": jnp.array([1.0, -2.0]), "deviation": jnp.array([0.5, 4.0])}}

    @jax.jit
    def found():
        plain = TINY.apply(scaled, images, method="encode")[0]
        normed = TINY.apply(scaled, images, method="encode_normed")
        again = TINY.apply(scaled, normed, method="decode_normed")
        return plain, normed, again, TINY.apply(scaled, plain, method="decode"), TINY.apply(scaled, images)

    plain, normed, again, decoded, whole = (np.asarray(part) for part in found())
    np.testing.assert_allclose(normed, (plain - [1, -2]) / [0.5, 4], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(again, decoded, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole, decoded, rtol=1e-4, atol=1e-5)
