"""Checks of networks from a noisy image and its noise level to an image, which every such network passes.

`make(**changes)` builds a small one of single-channel images; `images` are two of them.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import parameters

from genjax.models.segments import Segment
from genjax.tree import flatten, unflatten

LEVELS = np.array([0.2, 0.7], np.float32)

# What makes a network conditional, and two conditions of two images that differ in those of the second.
each_condition = pytest.mark.parametrize(
    ("changes", "one", "other"),
    [
        ({"classes": 3}, np.array([0, 2]), np.array([0, 3])),
        ({"text": Segment("text", 3, 9)}, np.array([[0, 1, 2], [3, 4, 5]]), np.array([[0, 1, 2], [9, 9, 9]])),
    ],
    ids=["class", "text"],
)


def two_images(size):
    return np.random.default_rng(0).normal(size=(2, size, size, 1)).astype(np.float32)


def initial(network, images, condition=None):
    return jax.jit(network.init)(jax.random.key(0), images, LEVELS, condition)["params"]


def begun(network, images, condition=None):
    """Parameters, not those at first but drawn like them: none is zero but biases."""
    return parameters(network, images, LEVELS, condition)


def applied(network, params, images, levels=LEVELS, condition=None):
    """The output of a network, by one compiled program."""
    return np.asarray(program(network)({"params": params}, images, levels, condition))


@cache
def program(network):
    """What applies a network, compiled once for equal networks."""
    return jax.jit(network.apply)


def shaken(params, scale=0.3, patterns=("",)):
    """Moves the parameters whose names have one of these in them: many are zero at first."""
    flat, rng = flatten(jax.tree.map(np.asarray, params)), np.random.default_rng(1)
    for name, leaf in flat.items():
        if any(pattern in name for pattern in patterns):
            flat[name] = leaf + scale * rng.normal(size=leaf.shape).astype(np.float32)
    return unflatten(flat)


def check_condition(make, images, changes, one, other):
    """A condition changes its own image alone."""
    network = make(**changes)
    params = shaken(begun(network, images, one))
    left = applied(network, params, images, condition=one)
    right = applied(network, params, images, condition=other)
    np.testing.assert_array_equal(left[0], right[0])
    assert np.abs(left[1] - right[1]).max() > 1e-3


def check_level(make, images, **tolerance):
    """The noise level is seen, and images do not see each other."""
    network = make()
    params = shaken(begun(network, images))
    both, other = (applied(network, params, some) for some in (images, images[[1, 1]]))
    np.testing.assert_allclose(both[1], other[1], **tolerance)
    assert np.abs(both[0] - other[0]).max() > 1e-3
    assert np.abs(applied(network, params, images, LEVELS[[0, 0]]) - both)[1].max() > 1e-3


def check_bfloat16(make, images):
    """A network in bfloat16 computes close to float32, and gives float32."""
    params = shaken(begun(make(), images), 0.1)
    exact = applied(make(), params, images)
    rough = applied(make(dtype=jnp.bfloat16), params, images)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.05 * np.abs(exact).max()


def check_blocks_computed_again(make, images, *, scale, **tolerance):
    """Computing blocks again in the gradient does not change it."""
    params, given = shaken(begun(make(), images), scale), (jnp.asarray(images), jnp.asarray(LEVELS))

    def gradients(remat):
        network = make(remat=remat)
        return jax.jit(jax.grad(lambda params: jnp.square(network.apply({"params": params}, *given)).mean()))(params)

    kept, again = (flatten(gradients(remat)) for remat in (False, True))
    for name, gradient in kept.items():
        np.testing.assert_allclose(again[name], gradient, err_msg=name, **tolerance)
