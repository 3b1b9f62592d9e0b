"""Building blocks against numpy, with the names of their parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters
from flax import linen as nn

from genjax.models.blocks.dense_block import DenseBlock, Transition
from genjax.models.blocks.instance_norm import AdaIn, instance_norm
from genjax.models.blocks.minibatch_discrimination import MinibatchDiscrimination, nearness
from genjax.models.blocks.skip_excitation import SkipExcitation
from genjax.models.blocks.squeeze_excitation import SqueezeExcitation
from genjax.models.blocks.virtual_batch_norm import VirtualBatchNorm
from genjax.tree import flatten


def applied(module: nn.Module, *inputs: Any) -> Any:
    return module.apply(*inputs)


def shapes(module, *inputs):
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values)))


def test_identical_images_are_as_near_as_can_be():
    np.testing.assert_allclose(nearness(jnp.full((4, 3, 5), 0.7), group=4), np.full((4, 3), 3), rtol=1e-6)


def test_nearness_is_that_of_the_paper_inside_a_group(getkey):
    vectors = normal(getkey(), (6, 2, 5))
    found, m = nearness(vectors, group=3), np.asarray(vectors)
    for i in range(6):
        others = [j for j in range(i // 3 * 3, i // 3 * 3 + 3) if j != i]
        expected = sum(np.exp(-np.abs(m[i] - m[j]).sum(axis=-1)) for j in others)
        np.testing.assert_allclose(found[i], expected, rtol=1e-5)


def test_a_batch_that_no_group_divides_is_compared_around_its_end(getkey):
    vectors = normal(getkey(), (5, 2, 3))
    found, m = nearness(vectors, group=3), np.asarray(vectors)
    for i in range(5):
        expected = sum(np.exp(-np.abs(m[i] - m[(i + s) % 5]).sum(axis=-1)) for s in (1, 2))
        np.testing.assert_allclose(found[i], expected, rtol=1e-5)
    np.testing.assert_array_equal(nearness(vectors[:1], group=8), np.zeros((1, 2)))


def test_far_images_are_not_near_and_gradients_are_finite_at_the_same_place():
    vectors = jnp.zeros((2, 1, 3))
    assert float(nearness(vectors.at[0].set(50.0), group=2).max()) < 1e-20
    slope = jax.grad(lambda of: nearness(of, group=2).sum())(vectors)
    np.testing.assert_array_equal(slope, np.zeros((2, 1, 3)))


def test_discrimination_appends_the_nearness_of_projected_features(getkey):
    module, features = MinibatchDiscrimination(kernels=3, length=2), normal(getkey(), (4, 6))
    assert shapes(module, features) == {"kernel": (6, 3, 2)}
    params = parameters(module, features)
    found = applied(module, {"params": params}, features)
    np.testing.assert_array_equal(found[:, :6], features)
    vectors = np.einsum("nd,dbc->nbc", features, params["kernel"])
    np.testing.assert_allclose(found[:, 6:], nearness(jnp.asarray(vectors), group=4), rtol=1e-4)


def test_at_the_start_unit_features_are_some_way_apart_but_in_sight(getkey):
    module, features = MinibatchDiscrimination(), normal(getkey(), (64, 128))
    near = applied(module, module.init(jax.random.key(1), features[:1]), features)[:, 128:]
    assert 0.5 < float(near.mean()) < 4, "of 7 others"


def test_squeeze_and_excitation_scales_channels(getkey):
    module, features = SqueezeExcitation(ratio=2), normal(getkey(), (3, 4, 5, 16))
    assert shapes(module, features) == {
        "excite/bias": (16,),
        "excite/kernel": (8, 16),
        "squeeze/bias": (8,),
        "squeeze/kernel": (16, 8),
    }
    params = parameters(module, features)
    hidden = np.maximum(np.asarray(features).mean(axis=(1, 2)) @ params["squeeze"]["kernel"], 0)
    gates = sigmoid(hidden @ params["excite"]["kernel"])
    found = applied(module, {"params": params}, features)
    np.testing.assert_allclose(found, np.asarray(features) * gates[:, None, None], rtol=1e-4)
    assert shapes(SqueezeExcitation(), features)["squeeze/kernel"] == (16, 4), "no fewer than 4 channels"


def test_skip_excitation_gates_large_features_by_small_ones(getkey):
    large, small = normal(getkey(), (2, 16, 16, 6)), normal(getkey(), (2, 8, 8, 3))
    module = SkipExcitation()
    params = parameters(module, large, small)
    assert shapes(module, large, small) == {
        "excite/bias": (6,),
        "excite/kernel": (6, 6),
        "squeeze/bias": (6,),
        "squeeze/kernel": (4, 4, 3, 6),
    }
    pooled = np.asarray(small).reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    hidden = np.einsum("nijc,ijcd->nd", pooled, params["squeeze"]["kernel"])
    gates = sigmoid(hidden * sigmoid(hidden) @ params["excite"]["kernel"])
    found = applied(module, {"params": params}, large, small)
    np.testing.assert_allclose(found, np.asarray(large) * gates[:, None, None], rtol=1e-4)


def test_a_dense_block_keeps_its_input_and_appends(getkey):
    module, features = DenseBlock(layers=3, growth=2), normal(getkey(), (2, 4, 4, 5))
    params = parameters(module, features)
    found = applied(module, {"params": params}, features)
    assert found.shape == (2, 4, 4, 5 + 3 * 2)
    np.testing.assert_array_equal(found[..., :5], features)
    assert {name: shape for name, shape in shapes(module, features).items() if "kernel" in name} == {
        **{f"squeeze_{index}/kernel": (1, 1, 5 + 2 * index, 8) for index in range(3)},
        **{f"conv_{index}/kernel": (3, 3, 8, 2) for index in range(3)},
    }
    shorter = applied(DenseBlock(layers=1, growth=2), {"params": params}, features)
    np.testing.assert_allclose(found[..., :7], shorter, rtol=1e-6)


def test_a_layer_of_a_dense_block_by_hand(getkey):
    features = normal(getkey(), (2, 1, 1, 4))  # of one pixel: a convolution is its middle
    module = DenseBlock(layers=1, growth=2)
    params = parameters(module, features)

    def activated(of):  # one group: fewer than 32 channels
        of = np.asarray(of, np.float64)
        return np.maximum((of - of.mean(1, keepdims=True)) / np.sqrt(of.var(1, keepdims=True) + 1e-6), 0)

    hidden = activated(features[:, 0, 0]) @ params["squeeze_0"]["kernel"][0, 0]
    expected = activated(hidden) @ params["conv_0"]["kernel"][1, 1]
    found = applied(module, {"params": params}, features)[:, 0, 0, 4:]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("width", [16, 24, 32, 48, 64])
def test_dense_blocks_take_any_width(width):
    module, features = DenseBlock(), jnp.zeros((1, 4, 4, width))
    shape = jax.eval_shape(module.init_with_output, jax.random.key(0), features)[0].shape
    assert shape == (1, 4, 4, width + 48)


def test_virtual_batch_norm_of_large_means_is_that_of_small_ones(getkey):
    features, reference = (normal(getkey(), (4, 4, 4, 3)) for _ in range(2))
    module = VirtualBatchNorm()
    params = module.init(getkey(), features, reference)
    near = applied(module, params, features, reference)
    for far, expected in zip(applied(module, params, features + 1000, reference + 1000), near, strict=True):
        np.testing.assert_allclose(far, expected, atol=1e-2)


def test_a_transition_halves_channels_and_size(getkey):
    module, features = Transition(), normal(getkey(), (2, 4, 6, 8))
    assert shapes(module, features) == {"norm/bias": (8,), "norm/scale": (8,), "squeeze/kernel": (1, 1, 8, 4)}
    assert applied(module, {"params": parameters(module, features)}, features).shape == (2, 2, 3, 4)


def test_instance_norm_is_of_each_channel_of_each_image(getkey):
    features = 3 + 5 * normal(getkey(), (2, 4, 4, 3))
    x = np.asarray(features, np.float64)
    expected = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(instance_norm(features), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(instance_norm(features * 0), np.zeros((2, 4, 4, 3)))


def test_adain_gives_features_the_mean_and_deviation_of_a_style(getkey):
    features, w = normal(getkey(), (2, 8, 8, 3)), normal(getkey(), (2, 5))
    module = AdaIn()
    assert shapes(module, features, w) == {"style/bias": (6,), "style/kernel": (5, 6)}
    params = parameters(module, features, w)
    style = np.asarray(w) @ params["style"]["kernel"]
    found = np.asarray(applied(module, {"params": params}, features, w))
    np.testing.assert_allclose(found.mean(axis=(1, 2)), style[:, 3:], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=(1, 2)), np.abs(1 + style[:, :3]), rtol=1e-3, atol=1e-4)
    start = applied(module, module.init(jax.random.key(0), features, w), features, w)
    np.testing.assert_allclose(start, instance_norm(features), rtol=1e-6)


def test_virtual_batch_norm_is_of_the_image_and_the_reference(getkey):
    features, reference = normal(getkey(), (2, 3, 3, 4)), 2 + normal(getkey(), (5, 3, 3, 4))
    module = VirtualBatchNorm()
    assert shapes(module, features, reference) == {"bias": (4,), "scale": (4,)}
    found, fixed = applied(module, module.init(jax.random.key(0), features, reference), features, reference)
    ref = np.asarray(reference, np.float64)
    for one, seen in zip(found, np.asarray(features, np.float64), strict=True):
        mean = seen.mean(axis=(0, 1)) / 6 + ref.mean(axis=(0, 1, 2)) * 5 / 6
        square = (seen**2).mean(axis=(0, 1)) / 6 + (ref**2).mean(axis=(0, 1, 2)) * 5 / 6
        np.testing.assert_allclose(one, (seen - mean) / np.sqrt(square - mean**2 + 1e-5), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.asarray(fixed).mean(axis=(0, 1, 2)), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(np.asarray(fixed).std(axis=(0, 1, 2)), np.ones(4), rtol=1e-4)


def test_with_virtual_batch_norm_an_image_does_not_depend_on_its_neighbours(getkey):
    features, reference = normal(getkey(), (4, 3, 3, 2)), normal(getkey(), (5, 3, 3, 2))
    module = VirtualBatchNorm()
    variables = {"params": parameters(module, features, reference)}
    together, _ = applied(module, variables, features, reference)
    alone, _ = applied(module, variables, features[:1], reference)
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-5)


@pytest.mark.parametrize("module", [SqueezeExcitation, DenseBlock, Transition])
def test_blocks_compute_in_their_dtype_and_keep_float32_parameters(module, getkey):
    block, features = module(dtype=jnp.bfloat16), normal(getkey(), (2, 4, 4, 8))
    variables = block.init(jax.random.key(0), features)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    assert block.apply(variables, features).dtype == jnp.bfloat16
