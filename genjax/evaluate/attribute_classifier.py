"""The attribute classifier as a learner, with a cross-entropy for each head, and its readings of images."""

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
from genjax.families.one_network import learner_of
from genjax.models.features.attributes import AttributeClassifier
from genjax.transfer import full
from genjax.tree import Tree

NETWORK = "classifier"


def make_classifier(
    classifier: AttributeClassifier, *, optimizer: optax.GradientTransformation, ema_images: float = 10_000
) -> Learner:
    """Makes a learner for a classifier. A batch holds `image`, and under each head's name the true classes (n,).

    Args:
        classifier: network, with a head for each attribute.
        optimizer: optimizer of its parameters.
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
        loss = jnp.stack(losses).sum()  # heads share the network and count alike
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
    """Reads the attributes of images.

    Args:
        classifier: network, with a head for each attribute.
        params: parameters of the network.
        images: images (n, h, w, c), uint8.
        values: {head: value of each of its classes}.
        chunk: images at once.
    Returns:
        {head: values (n,)}.
    """
    apply: Any = jax.jit(lambda images: classifier.apply({"params": params}, jnp.asarray(to_float(images))))
    found = in_chunks(apply, images, chunk=chunk)
    # The most likely class of each image, as its value.
    return {name: np.asarray(values[name])[logits.argmax(axis=1)] for name, logits in found.items()}
