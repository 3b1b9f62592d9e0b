"""Properties of every augmentation: identity, shares, shapes, keys, compilation, first and second derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, uniform
from scipy import stats

from genjax.augment import AUGMENTATIONS, ada, diffaugment

PIPELINES = AUGMENTATIONS | {"ada": functools.partial(ada.augment, operations=tuple(ada.OPERATIONS))}  # with all it has
SINGLE = {f"ada-{name}": functools.partial(ada.augment, operations=(name,)) for name in ada.OPERATIONS}
SINGLE |= {f"diffaugment-{name}": functools.partial(diffaugment.augment, policy=(name,)) for name in diffaugment.POLICY}
# The share of draws that leave an image of 8x8 pixels as it is; 0 for all others.
STILL = {"ada-x_flip": 1 / 2, "ada-rotate90": 1 / 4, "ada-luma_flip": 1 / 2}
STILL |= {"ada-integer_translation": 1 / 4, "diffaugment-translation": 1 / 9}
KEY = jax.random.key(7)


@pytest.fixture(scope="module")
def images():
    return uniform(jax.random.key(1), (6, 8, 8, 3), minval=-1, maxval=1)


@pytest.fixture(scope="module", params=PIPELINES)
def pipeline(request):
    """Compiled once for all tests."""
    return jax.jit(PIPELINES[request.param])


def test_identity_at_zero_bit_for_bit(pipeline, images):
    for batch in (images, images[..., :1]):
        np.testing.assert_array_equal(pipeline(KEY, batch, 0.0), batch)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_traced_once_for_all_probabilities(name, images):
    traces = []

    @jax.jit
    def step(probability):
        traces.append(name)
        return AUGMENTATIONS[name](KEY, images, probability)

    for probability in (0.0, 0.3, 1.0):
        step(jnp.float32(probability))
    assert len(traces) == 1


@pytest.fixture(scope="module")
def changed():
    """For each single operation, how many of 300 images it changes at probability .4."""
    images = uniform(jax.random.key(1), (300, 8, 8, 3), minval=-1, maxval=1)

    @jax.jit
    def count():
        found = {name: augment(KEY, images, 0.4) for name, augment in SINGLE.items()}
        return {name: (other != images).any(axis=(1, 2, 3)).sum() for name, other in found.items()}

    return count()


@pytest.mark.parametrize("name", SINGLE)
def test_share_of_changed_images(name, changed):
    assert stats.binomtest(int(changed[name]), 300, 0.4 * (1 - STILL.get(name, 0))).pvalue > 0.005


def test_keeps_shape_and_dtype(pipeline, images):
    for batch in (images, images[..., :1], images.astype(jnp.bfloat16)):
        found = pipeline(KEY, batch, 0.8)
        assert (found.shape, found.dtype) == (batch.shape, batch.dtype)
        assert jnp.isfinite(found).all()


def test_is_a_function_of_the_key(pipeline, images):
    found = pipeline(KEY, images, 0.8)
    np.testing.assert_array_equal(found, pipeline(KEY, images, 0.8))
    assert (found != pipeline(jax.random.key(8), images, 0.8)).any()


def test_each_image_has_its_own_draw(pipeline, images):
    found = np.asarray(pipeline(KEY, jnp.tile(images[:1], (6, 1, 1, 1)), 1.0))
    assert len(np.unique(found.reshape(6, -1), axis=0)) == 6


def test_gradient_agrees_with_finite_differences(pipeline, images):
    weights, direction = (normal(jax.random.key(k), images.shape) for k in (3, 4))

    @jax.jit
    @jax.value_and_grad
    def total(images):
        return (pipeline(KEY, images, 0.8) * weights).sum()

    rise = (total(images + 1e-2 * direction)[0] - total(images - 1e-2 * direction)[0]) / 2e-2
    np.testing.assert_allclose(jnp.vdot(total(images)[1], direction), rise, rtol=1e-2, atol=0.05)


def test_second_derivative_agrees_with_finite_differences(pipeline, images):
    """R1's own: the squared slope through the augmentation, differentiated to a parameter of the critic."""

    @jax.jit
    @jax.value_and_grad
    def penalty(scale):
        slope = jax.grad(lambda images: jnp.tanh(scale * pipeline(KEY, images, 0.8)).sum())(images)
        return jnp.square(slope).sum()

    expected = (penalty(0.51)[0] - penalty(0.49)[0]) / 0.02
    np.testing.assert_allclose(penalty(0.5)[1], expected, rtol=1e-2)
