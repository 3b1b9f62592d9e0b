"""The Inception network: its parameters by the names of the weights file, and its sizes on the way."""

import jax
import jax.numpy as jnp
import pytest

from genjax.models.features.inception import DIM, SIZE, BlockA, BlockB, BlockC, BlockD, BlockE, Inception
from genjax.tree import count, flatten

BRANCHES = {
    "Mixed_5b": ["branch1x1", "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3", "branch5x5_1", "branch5x5_2"],
    "Mixed_6a": ["branch3x3", "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"],
    "Mixed_6b": ["branch1x1", *(f"branch7x7_{i}" for i in (1, 2, 3)), *(f"branch7x7dbl_{i}" for i in (1, 2, 3, 4, 5))],
    "Mixed_7a": ["branch3x3_1", "branch3x3_2", *(f"branch7x7x3_{i}" for i in (1, 2, 3, 4))],
    "Mixed_7b": ["branch1x1", *(f"branch3x3_{i}" for i in ("1", "2a", "2b"))]
    + [f"branch3x3dbl_{i}" for i in ("1", "2", "3a", "3b")],
}
POOLED = ("Mixed_5b", "Mixed_6b", "Mixed_7b")


@pytest.fixture(scope="module")
def shapes():
    return jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))["params"]


def test_the_names_are_those_of_the_file(shapes):
    stem = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    blocks = [*(f"Mixed_5{i}" for i in "bcd"), *(f"Mixed_6{i}" for i in "abcde"), *(f"Mixed_7{i}" for i in "abc")]
    assert sorted(shapes) == stem + blocks
    for block, branches in BRANCHES.items():
        assert sorted(shapes[block]) == sorted(branches + ["branch_pool"] * (block in POOLED))


def test_there_are_94_convolutions(shapes):
    kernels = {name: leaf for name, leaf in flatten(shapes).items() if name.endswith("kernel")}
    assert len(kernels) == 94
    assert count(kernels) == 21_751_136


def test_shapes(shapes):
    found = jax.eval_shape(Inception().apply, {"params": shapes}, jnp.zeros((2, SIZE, SIZE, 3)))
    assert found.shape == (2, DIM)


@pytest.mark.parametrize(
    ("block", "size", "channels", "expected"),
    [
        (BlockA(32), 35, 192, (35, 35, 256)),
        (BlockB(), 35, 288, (17, 17, 768)),
        (BlockC(128), 17, 768, (17, 17, 768)),
        (BlockD(), 17, 768, (8, 8, 1280)),
        (BlockE(maximum=False), 8, 1280, (8, 8, 2048)),
        (BlockE(maximum=True), 8, 2048, (8, 8, 2048)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_blocks(block, size, channels, expected):
    found, _ = jax.eval_shape(block.init_with_output, jax.random.key(0), jnp.zeros((1, size, size, channels)))
    assert found.shape[1:] == expected
