"""The U-Net of denoising diffusion: its parameters, its beginning, and what its options do.

That its numbers are those of diffusers is tested in tests/families/flow/ddpm/test_unet_2d.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import parameters

from genjax.models.ddpm_unet import DdpmUnet, sinusoids
from genjax.tree import flatten

TINY = {"widths": (4, 8), "groups": 2, "layers": 1, "down_attention": (False, True), "up_attention": (True, False)}


def made(**options):
    module = DdpmUnet(1, **TINY | options)
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 1))
    condition = jnp.array([0, 3]) if options.get("classes") else None
    params = module.init(jax.random.key(0), images, jnp.zeros(2), condition)["params"]
    return module, params, images, condition


def test_the_names_of_its_parameters():
    names = flatten(jax.eval_shape(lambda: made(classes=3)[1]))
    assert sorted({name.rpartition("/")[0] for name in names}) == sorted(
        [
            *("class", "conv_in", "conv_out", "norm_out", "time_1", "time_2", "down_0/half", "up_0/double"),
            *(
                f"{block}/{layer}/{part}"
                for block, layer in [
                    ("down_0", "resnet_0"),
                    ("down_1", "resnet_0"),
                    ("middle", "resnet_0"),
                    ("middle", "resnet_1"),
                    *((f"up_{index}", f"resnet_{layer}") for index in range(2) for layer in range(2)),
                ]
                for part in ("norm_1", "conv_1", "time", "norm_2", "conv_2")
            ),
            *("down_1/resnet_0/shortcut", "up_0/resnet_0/shortcut", "up_0/resnet_1/shortcut"),
            *("up_1/resnet_0/shortcut", "up_1/resnet_1/shortcut"),
            *(
                f"{block}/{layer}/{part}"
                for block, layer in [
                    ("down_1", "attention_0"),
                    ("middle", "attention_0"),
                    ("up_0", "attention_0"),
                    ("up_0", "attention_1"),
                ]
                for part in ("norm", "query", "key", "value", "out")
            ),
        ]
    )


def test_it_begins_at_zero():
    """Whatever the layers before the last one give."""
    module, images, levels = DdpmUnet(1, **TINY), np.ones((2, 8, 8, 1), np.float32), np.zeros(2, np.float32)
    params = parameters(module, images, levels, own="conv_out")
    assert not np.asarray(jax.jit(module.apply)({"params": params}, images, levels)).any()


@pytest.mark.slow
def test_computing_blocks_again_changes_no_gradient():
    _, params, images, _ = made()
    filled, levels = jax.tree.map(lambda leaf: leaf + 0.1, params), jnp.array([0.1, 0.7])

    def gradients(remat):
        module = DdpmUnet(1, **TINY, remat=remat)

        def loss(params):
            return jnp.square(jnp.asarray(module.apply({"params": params}, images, levels))).mean()

        return jax.jit(jax.grad(loss))(filled)

    again = flatten(gradients(True))
    for name, leaf in flatten(gradients(False)).items():
        assert np.any(leaf), name
        np.testing.assert_allclose(again[name], leaf, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_class_moves_its_own_image_alone():
    module, params, images, condition = made(classes=3)
    filled = jax.tree.map(lambda leaf: leaf + 0.1, params)
    levels = jnp.array([0.1, 0.7])
    plain = np.asarray(module.apply({"params": filled}, images, levels, condition))
    table = filled["class"]["embedding"]
    filled["class"]["embedding"] = table.at[3].add(jax.random.normal(jax.random.key(2), table[3].shape))
    moved = np.asarray(module.apply({"params": filled}, images, levels, condition))
    np.testing.assert_allclose(moved[0], plain[0], rtol=1e-5, atol=1e-6)
    assert np.abs(moved[1] - plain[1]).max() > 1e-4


def test_the_waves_of_a_time():
    waves = np.asarray(sinusoids(jnp.array([2.0]), 5, cosine_first=True, shift=1.0))
    np.testing.assert_allclose(waves, [[np.cos(2), np.cos(2e-4), np.sin(2), np.sin(2e-4), 0]], rtol=1e-5)
    late = np.asarray(sinusoids(jnp.array([2.0]), 4, cosine_first=False, shift=0.0))
    np.testing.assert_allclose(late, [[np.sin(2), np.sin(0.02), np.cos(2), np.cos(0.02)]], rtol=1e-5)
