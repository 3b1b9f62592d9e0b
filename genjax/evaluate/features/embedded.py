"""embedded-v1: features of a small network that comes with genjax, for characters.

It was trained on handwritten digits and on typeset digits and capitals. (experiments/embedding/train_embedding.py) It
is made for pictures of that kind, and knows nothing of photographs.
"""

import functools
from pathlib import Path

from genjax.data.images import RESIZE_RULE, to_float
from genjax.evaluate.features.extractor import Extractor, ExtractorSpec
from genjax.evaluate.features.published import read_weights

WEIGHTS = Path(__file__).parent / "weights"
EMBEDDED_V1_SHA256 = "12d34f524b88c03a36d8d149b1985b7c8d9eacd3b9950f4693167376fe553823"


def embedded_v1() -> Extractor:
    """Builds the network that comes with genjax. (genjax/models/features/embedding.py)"""
    import jax  # here, so that comparing records or features that one has does not wait for it

    from genjax.models.features.embedding import DIM, SIZE, Embedding
    from genjax.tree import unflatten

    stored = read_weights(WEIGHTS / "embedded-v1.safetensors", EMBEDDED_V1_SHA256)
    params = unflatten({name: jax.numpy.asarray(array) for name, array in stored.items()})
    network = jax.jit(lambda params, images: Embedding().apply({"params": params}, to_float(images)))
    return Extractor(
        name="embedded-v1",
        version="1",
        sha256=EMBEDDED_V1_SHA256,
        dim=DIM,
        size=SIZE,
        resize=f"{RESIZE_RULE}, to {SIZE} pixels; grey repeated to three channels",
        apply=functools.partial(network, params),
    )


SPEC = ExtractorSpec("embedded-v1", embedded_v1, "Small network that comes with genjax, for characters.")
