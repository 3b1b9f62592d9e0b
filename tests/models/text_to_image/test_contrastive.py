"""The contrastive model: vectors of length 1, a bounded temperature, names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import uniform

from genjax.models.segments import Segment
from genjax.models.text_to_image.contrastive import Contrastive, bounded_scale
from genjax.tree import flatten

TEXT = Segment("text", 4, 9)


@pytest.fixture(scope="module")
def model():
    """(model, variables, images, text)."""
    made = Contrastive(TEXT, size=16, width=4, text_width=16, text_depth=1, text_heads=2, embedding_size=8)
    images = uniform(jax.random.key(1), (3, 16, 16, 1), minval=-1)
    text = jax.random.randint(jax.random.key(2), (3, 4), 0, 9)
    return made, jax.jit(made.init)(jax.random.key(0), images, text), images, text


def test_the_names(model):
    names = {"/".join(name.split("/")[:2]) for name in flatten(model[1]["params"])}
    assert names == {
        *("image/down_4", "image/down_8", "image/head"),
        *("text/embed", "text/block_0", "text/norm", "text/head", "scale"),
    }


def test_logits_are_scaled_cosines(model):
    made, variables, images, text = model
    logits = np.asarray(jax.jit(made.apply)(variables, images, text))
    own = np.asarray(jax.jit(lambda *pair: made.apply(variables, *pair, method="similarity"))(images, text))
    assert logits.shape == (3, 3)
    assert (np.abs(own) <= 1 + 1e-5).all()
    np.testing.assert_allclose(np.diag(logits), own / 0.07, rtol=1e-4)
    assert np.abs(logits).max() <= 1 / 0.07 + 1e-3


def test_the_temperature_is_bounded_and_never_without_a_slope():
    for raw in (-50.0, -3.0, 0.0, 3.0, 50.0):
        assert 1 <= float(bounded_scale(jnp.asarray(raw))) <= 100 + 1e-4
    np.testing.assert_allclose(bounded_scale(jnp.asarray(0.0)), 10, rtol=1e-5)
    for raw in (-3.0, 0.0, 3.0):
        assert float(jax.grad(bounded_scale)(jnp.asarray(raw))) > 0
