"""The classifier of attributes as a learner: a cross-entropy for each head."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from genjax.control import chain
from genjax.data.images import to_float
from genjax.families.chunks import in_chunks
from genjax.families.learner import Batch, Learner, Metrics
from genjax.families.text_to_image.one_network import learner_of
from genjax.models.attributes import AttributeClassifier
from genjax.transfer import full
from genjax.tree import Tree

NETWORK = "classifier"


def make_classifier(
    classifier: AttributeClassifier, *, optimizer: optax.GradientTransformation, ema_images: float = 10_000
) -> Learner:
    """A learner for this classifier. A batch holds `image`, and the numbers (n,) of the values of each head by name.

    Args:
        classifier: its heads.
        optimizer: of its parameters.
        ema_images: half-life of the parameters' moving average; 0 is off.
    """

    def fresh(key: Array, batch: Batch) -> Tree:
        return classifier.init(key, jnp.asarray(to_float(batch["image"][:1])))["params"]

    def objective(params: Tree, batch: Batch, key: Array) -> tuple[Array, Metrics]:
        logits: Any = classifier.apply({"params": params}, jnp.asarray(to_float(batch["image"])))
        losses, metrics = [], {}
        for name, values in logits.items():
            losses.append(optax.softmax_cross_entropy_with_integer_labels(values, batch[name]).mean())
            metrics[f"accuracy/{name}"] = (values.argmax(axis=1) == batch[name]).mean()
        loss = jnp.stack(losses).sum()
        return loss, {"loss/total": loss} | metrics

    return learner_of(
        NETWORK,
        fresh=fresh,
        objective=objective,
        optimizer=optimizer,
        controller=chain(),
        transfer=full(),
        ema_images=ema_images,
    )


def read_attributes(
    classifier: AttributeClassifier,
    params: Tree,
    images: np.ndarray,
    values: Mapping[str, Sequence],
    *,
    chunk: int = 256,
) -> dict[str, np.ndarray]:
    """{head: value of each image (n,)} that the classifier reads, of uint8 images.

    Args:
        classifier: its heads.
        params: of it.
        images: (n, h, w, c).
        values: of each head, in the order of its numbers.
        chunk: images at once.
    """
    apply: Any = jax.jit(lambda images: classifier.apply({"params": params}, jnp.asarray(to_float(images))))
    found = in_chunks(apply, images, chunk=chunk)
    return {name: np.asarray(values[name])[logits.argmax(axis=1)] for name, logits in found.items()}
