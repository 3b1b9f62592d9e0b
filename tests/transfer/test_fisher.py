"""The Fisher information: a closed form, a loop over examples, and what must not change it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.transfer.fisher import diagonal_fisher


def gaussian(params, example):
    """Log-likelihood of a vector under unit variance, without its constant."""
    return -0.5 * jnp.sum((example - params["mean"]) ** 2)


def regression(params, example):
    inputs, target = example
    return -0.5 * jnp.sum((jnp.tanh(inputs @ params["kernel"]) - target) ** 2)


@pytest.fixture
def examples(getkey):
    return normal(getkey(), (7, 4)), normal(getkey(), (7, 3))


def test_of_a_gaussian_mean_it_is_the_mean_squared_deviation():
    rng = np.random.default_rng(0)
    drawn = (1.5 + rng.standard_normal((4000, 3))).astype(np.float32)
    found = diagonal_fisher(gaussian, {"mean": jnp.full(3, 1.5)}, jnp.asarray(drawn), at_once=500)
    np.testing.assert_allclose(found["mean"], np.mean((drawn - 1.5) ** 2, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["mean"], np.ones(3), atol=3 * np.sqrt(2 / 4000))  # 1 over the variance


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
def test_it_is_that_of_a_loop_over_examples(at_once, examples, getkey):
    params = {"kernel": normal(getkey(), (4, 3))}
    found = diagonal_fisher(regression, params, examples, at_once=at_once)
    slopes = [jax.grad(regression)(params, (examples[0][i], examples[1][i]))["kernel"] for i in range(7)]
    np.testing.assert_allclose(found["kernel"], np.mean(np.square(slopes), axis=0), rtol=1e-5, atol=1e-7)


def test_it_is_not_the_square_of_the_mean_gradient():
    found = diagonal_fisher(gaussian, {"mean": jnp.zeros(1)}, jnp.array([[1.0], [-1.0]]))
    assert float(found["mean"][0]) == 1


def test_keys_may_be_a_part_of_the_examples(getkey):
    def noisy(params, example):
        key, image = example
        return params["scale"] * jnp.sum(image * jax.random.normal(key, image.shape))

    keys, images = jax.random.split(getkey(), 5), normal(getkey(), (5, 3))
    found = diagonal_fisher(noisy, {"scale": jnp.ones(())}, (keys, images), at_once=2)
    slopes = [float(jnp.sum(image * jax.random.normal(key, (3,)))) for key, image in zip(keys, images, strict=True)]
    assert float(found["scale"]) == pytest.approx(np.mean(np.square(slopes)), rel=1e-5)


@pytest.mark.parametrize(
    ("images", "at_once", "message"),
    [
        (jnp.zeros((0, 1)), 1, r"parts with \[0\] examples"),
        ((jnp.zeros((2, 1)), jnp.zeros((3, 1))), 1, r"parts with \[2, 3\] examples"),
        (jnp.zeros((2, 1)), 0, "gradients of 0 examples at once"),
    ],
)
def test_what_cannot_be_averaged_is_an_error(images, at_once, message):
    with pytest.raises(InputError, match=message):
        diagonal_fisher(gaussian, {"mean": jnp.zeros(1)}, images, at_once=at_once)
