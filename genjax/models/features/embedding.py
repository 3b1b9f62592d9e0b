"""The network of the features `embedded-v1`: small convolutions, whose features are taken at two depths.

It was trained by experiments/embedding/train_embedding.py to classify glyphs and their style. The early layer
responds to strokes, colour, noise and blur; the late one to the glyph and its style.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

SIZE = 32  # height and width of its input
EARLY, LATE = 64, 128  # features taken at each depth
DIM = EARLY + LATE


class Embedding(nn.Module):
    """Maps images to 192 features: the spatial means of an early and of a late layer, standardised.

    Parameters: `conv_1`, ..., `conv_5`, and `mean` and `deviation` (192,), which are measured once on the training
    images and never trained.
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n 32 32 3"]) -> Float[Array, "n 192"]:
        """Computes features of images in [-1, 1], in float32 on every backend."""
        hidden = _convolve(images, 32, 2, "conv_1")
        early = hidden = _convolve(hidden, EARLY, 1, "conv_2")
        hidden = _convolve(hidden, 96, 2, "conv_3")
        hidden = _convolve(hidden, LATE, 1, "conv_4")
        late = _convolve(hidden, LATE, 2, "conv_5")
        # Means over height and width, (n, 64) and (n, 128)
        features = jnp.concatenate([early.mean(axis=(1, 2)), late.mean(axis=(1, 2))], axis=-1)
        mean = self.param("mean", nn.initializers.zeros, (DIM,))
        deviation = self.param("deviation", nn.initializers.ones, (DIM,))
        return (features - lax.stop_gradient(mean)[None]) / lax.stop_gradient(deviation)[None]  # (f - mu) / sigma


class Heads(nn.Module):
    """Linear classifiers on the features, used in training only.

    Parameters: one dense layer for each name in `sizes`.
    """

    sizes: Mapping[str, int]

    @nn.compact
    def __call__(self, features: Float[Array, "n d"]) -> dict[str, jax.Array]:
        """Computes the logits of each classifier: {name: (n, size)}."""
        return {name: nn.Dense(size, name=name)(features) for name, size in self.sizes.items()}


def _convolve(images: Array, features: int, stride: int, name: str) -> Array:
    # The highest precision, since accelerators would round to bfloat16, and features must agree between machines.
    convolution = nn.Conv(
        features,
        (3, 3),
        (stride, stride),
        kernel_init=nn.initializers.he_normal(),
        precision=lax.Precision.HIGHEST,
        name=name,
    )
    return nn.leaky_relu(convolution(images), 0.1)  # leaky, since a dead feature would say nothing of any image
