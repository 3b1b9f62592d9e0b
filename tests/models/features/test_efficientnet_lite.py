"""EfficientNet-Lite0: its parameters, its shapes, and that an image is judged alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.models.features.efficientnet_lite import DIM, STAGES, Bottleneck, EfficientNetLite0, Stage
from genjax.tree import count, flatten, unflatten

NETWORK = EfficientNetLite0()


@pytest.fixture(scope="module")
def shapes():
    return jax.eval_shape(NETWORK.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]


def test_the_names_are_pinned(shapes):
    layers = {name.rpartition("/")[0] for name in flatten(shapes)}
    blocks = {f"block_{i}/{layer}" for i in range(16) for layer in ("expand", "depthwise", "project")}
    assert layers == {"stem", "head"} | blocks - {"block_0/expand"}
    assert sum(stage.blocks for stage in STAGES) == 16


def test_its_size_is_the_published_one(shapes):
    # 4,652,008 parameters, less the classifier (1280 x 1000 + 1000); a batch norm's two vectors are one bias here.
    biases = sum(leaf.size for name, leaf in flatten(shapes).items() if name.endswith("bias"))
    assert count(shapes) + biases == 4_652_008 - 1_281_000


@pytest.mark.parametrize("size", [32, 224])
def test_shapes(shapes, size):
    found = jax.eval_shape(NETWORK.apply, {"params": shapes}, jnp.zeros((2, size, size, 3)))
    assert found.shape == (2, DIM)


@pytest.mark.parametrize(("stride", "features", "added"), [(1, 4, True), (2, 4, False), (1, 6, False)])
def test_a_block_adds_what_came_in_where_the_shapes_are_the_same(getkey, stride, features, added):
    images = normal(getkey(), (2, 8, 8, 4))
    block = Bottleneck(Stage(1, 3, stride, 2, features), stride)
    params = flatten(parameters(block, images))
    assert params["depthwise/kernel"].shape == (3, 3, 1, 8)
    silent = {name: leaf * (not name.startswith("project")) for name, leaf in params.items()}
    found = block.apply({"params": unflatten(silent)}, images)
    expected = images if added else jnp.zeros((2, 8 // stride, 8 // stride, features))
    np.testing.assert_array_equal(found, expected)
