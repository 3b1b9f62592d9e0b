"""The network of the features `random-v1`: small convolutions with random weights, never trained."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

SIZE = 32  # height and width of its input
WIDTHS = (32, 64, 128)  # features taken at each depth
DIM = sum(WIDTHS)


class Untrained(nn.Module):
    """Maps images to 224 features: the spatial means at three depths.

    Parameters: kernels of `conv_1`, `conv_2`, `conv_3`, without biases.
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n 32 32 3"]) -> Float[Array, "n 224"]:
        """Computes features of images in [-1, 1], in float32 on every backend."""
        means = []
        for number, width in enumerate(WIDTHS, start=1):
            convolution = nn.Conv(
                width,
                (3, 3),
                (1, 1) if number == 1 else (2, 2),
                use_bias=False,
                precision=lax.Precision.HIGHEST,
                name=f"conv_{number}",
            )
            images = jax.nn.leaky_relu(convolution(images), 0.2)  # leaky, since no training revives a dead feature
            means.append(images.mean(axis=(1, 2)))  # (n, width)
        return jnp.concatenate(means, axis=-1)
