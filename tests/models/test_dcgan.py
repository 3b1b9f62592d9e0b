"""The GAN's networks: names that freezing goes by, shapes, ranges, dtypes."""

import jax
import jax.numpy as jnp
import pytest
from drawn import normal, parameters

from genjax.models.dcgan import Critic, Generator
from genjax.tree import flatten


def shapes(module, inputs):
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), inputs))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}


def test_the_names_and_shapes_of_the_demos_generator():
    assert shapes(Generator(), jnp.zeros((1, 64))) == {
        "norm_4/bias": (128,),
        "norm_4/scale": (128,),
        "norm_8/bias": (64,),
        "norm_8/scale": (64,),
        "stem/bias": (2048,),
        "stem/kernel": (64, 2048),
        "up_16/bias": (1,),
        "up_16/kernel": (4, 4, 64, 1),
        "up_8/bias": (64,),
        "up_8/kernel": (4, 4, 128, 64),
    }


def test_the_names_and_shapes_of_the_demos_critic():
    assert shapes(Critic(), jnp.zeros((1, 16, 16, 1))) == {
        "down_4/bias": (128,),
        "down_4/kernel": (4, 4, 64, 128),
        "down_8/bias": (64,),
        "down_8/kernel": (4, 4, 1, 64),
        "head/bias": (1,),
        "head/kernel": (4 * 4 * 129, 1),
    }


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (32, 1), (64, 3), (128, 1)])
def test_every_size_has_its_stages(size, channels):
    names = shapes(Generator(size, channels, width=8), jnp.zeros((1, 64)))
    assert names[f"up_{size}/kernel"] == (4, 4, 8, channels)
    critic = shapes(Critic(size, width=8), jnp.zeros((1, size, size, channels)))
    assert critic[f"down_{size // 2}/kernel"] == (4, 4, channels, 8)
    assert max(shape[-1] for name, shape in critic.items() if name.endswith("kernel")) <= 64


def test_images_lie_between_minus_one_and_one(getkey):
    module = Generator(width=8)
    images = module.apply({"params": parameters(module, jnp.zeros((1, 64)))}, 100 * normal(getkey(), (4, 64)))
    assert float(jnp.abs(jnp.asarray(images)).max()) <= 1


def test_an_image_depends_on_its_own_latents_alone(getkey):
    module = Generator(width=8)
    latents = normal(getkey(), (4, 64))
    variables = {"params": parameters(module, latents)}
    alone, together = module.apply(variables, latents[:1]), module.apply(variables, latents)
    assert jnp.allclose(jnp.asarray(alone)[0], jnp.asarray(together)[0], atol=1e-5)


def test_bfloat16_computes_close_to_float32_and_keeps_float32_parameters(getkey):
    latents = normal(getkey(), (2, 64))
    variables = {"params": parameters(Generator(width=8), latents)}
    half = Generator(width=8, dtype=jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(jax.eval_shape(half.init, getkey(), latents)))
    left, right = Generator(width=8).apply(variables, latents), half.apply(variables, latents)
    assert jnp.asarray(right).dtype == jnp.float32
    assert jnp.allclose(jnp.asarray(left), jnp.asarray(right), atol=0.05)


def test_the_head_reads_the_features(getkey):
    module, images = Critic(width=8), normal(getkey(), (4, 16, 16, 1))
    features = module.apply({"params": parameters(module, images)}, images, method="features")
    assert jnp.asarray(features).shape == (4, 4, 4, 16)
