"""The classifier of attributes: it learns to read, and reads any number of images."""

import jax
import numpy as np
import optax

from genjax.evaluate.attribute_classifier import make_classifier, read_attributes
from genjax.models.features.attributes import AttributeClassifier

NET = AttributeClassifier((("side", 2), ("shade", 2)), size=8, width=4, hidden=16)
VALUES = {"side": ("left", "right"), "shade": ("dark", "bright")}


def batch_of(n, seed):
    """Images of which one half is dark or bright."""
    rng = np.random.default_rng(seed)
    sides, shades = rng.integers(0, 2, n), rng.integers(0, 2, n)
    images = np.full((n, 8, 8, 1), 128, np.uint8)
    for image, side, shade in zip(images, sides, shades, strict=True):
        image[:, 4 * side : 4 * side + 4] = 255 * shade
    images = np.clip(images + rng.normal(scale=30, size=images.shape), 0, 255).astype(np.uint8)
    return {"image": images, "side": sides.astype(np.int32), "shade": shades.astype(np.int32)}


def test_it_reads_images_that_it_never_saw():
    learner = make_classifier(NET, optimizer=optax.adam(1e-2), ema_images=0)
    state = jax.jit(lambda key: learner.init(key, batch_of(4, 0)))(jax.random.key(0))
    step, metrics = jax.jit(learner.step, donate_argnums=0), {}
    for seed in range(60):
        state, metrics = step(state, batch_of(16, seed))
    assert float(metrics["accuracy/side"]) == float(metrics["accuracy/shade"]) == 1
    new = batch_of(21, 1000)
    read = read_attributes(NET, state.average["classifier"], new["image"], VALUES, chunk=8)
    np.testing.assert_array_equal(read["side"], np.asarray(VALUES["side"])[new["side"]])
    np.testing.assert_array_equal(read["shade"], np.asarray(VALUES["shade"])[new["shade"]])
    assert learner.sample is None
