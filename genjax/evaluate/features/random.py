"""random-v1: features of three untrained networks, on each of which metrics are measured and then averaged.

Random convolutions see colour, contrast and texture, and favour no kind of picture: where embedded-v1 and networks
trained on photographs are out of place they are a second opinion on noise, blur and collapse. Classes that are missing
they hardly see. (Naeem et al. 2020, on random embeddings)
"""

import functools
import hashlib
import math

import numpy as np

from genjax.data.images import RESIZE_RULE, to_float
from genjax.errors import InputError
from genjax.evaluate.features.extractor import Extractor, ExtractorSpec

SEEDS = (0, 1, 2)
RANDOM_V1_SHA256 = "960f04f1ec1760b3680b1ae86e4cf744afd0bd0be4bf0941f80304fed729051e"
SHAPES = {
    "conv_1/kernel": (3, 3, 3, 32),
    "conv_2/kernel": (3, 3, 32, 64),
    "conv_3/kernel": (3, 3, 64, 128),
}


def random_v1() -> Extractor:
    """Builds the three networks as one extractor, their features side by side. (genjax/models/features/untrained.py)

    `Extractor.sets` says how many there are; a metric is measured on each and averaged, which features of one long
    row would not give.
    """
    import jax  # here, so that comparing records or features that one has does not wait for it
    import jax.numpy as jnp

    from genjax.models.features.untrained import DIM, SIZE, Untrained
    from genjax.tree import unflatten

    def features(networks: list, images: jax.Array) -> jax.Array:
        images = to_float(images)
        return jnp.concatenate([jnp.asarray(Untrained().apply({"params": params}, images)) for params in networks], -1)

    weights = [draw_weights(seed) for seed in SEEDS]
    check_weights(weights)
    networks = [unflatten({name: jnp.asarray(array) for name, array in drawn.items()}) for drawn in weights]
    return Extractor(
        name="random-v1",
        version="1",
        sha256=RANDOM_V1_SHA256,
        dim=DIM * len(SEEDS),
        size=SIZE,
        resize=f"{RESIZE_RULE}, to {SIZE} pixels; grey repeated to three channels",
        apply=functools.partial(jax.jit(features), networks),
        sets=len(SEEDS),
    )


SPEC = ExtractorSpec("random-v1", random_v1, "Three untrained networks: a second opinion on noise, blur and collapse.")


def draw_weights(seed: int) -> dict[str, np.ndarray]:
    """Draws {name: float32 kernel}, uniform with variance 2 / inputs of a feature. (He et al. 2015, eq. 10)

    They come from the generator's own 64 bits, since numpy promises that these never change, and nothing of its
    distributions.
    """
    bits = np.random.PCG64(seed)
    weights = {}
    for name, shape in SHAPES.items():
        # 53 of the 64 bits are the digits of a double in [0, 1)
        uniform = (bits.random_raw(math.prod(shape)) >> np.uint64(11)) * 2.0**-53
        # U(-b, b) has the variance b^2 / 3 = 2 / inputs
        bound = math.sqrt(6 / math.prod(shape[:-1]))
        weights[name] = ((2 * uniform - 1) * bound).astype(np.float32).reshape(shape)
    return weights


def check_weights(weights: list[dict[str, np.ndarray]]) -> None:
    """Raises InputError unless these are the weights that random-v1 stands for."""
    digest = hashlib.sha256()
    for drawn in weights:
        for array in drawn.values():
            digest.update(array.astype("<f4").tobytes())
    if digest.hexdigest() != RANDOM_V1_SHA256:
        raise InputError(
            f"the weights drawn for random-v1 have the sha256 {digest.hexdigest()[:12]}, expected"
            f" {RANDOM_V1_SHA256[:12]}: this numpy ({np.__version__}) draws others. Install another version of numpy."
        )
