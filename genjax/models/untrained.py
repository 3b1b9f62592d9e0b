"""The network of the features random-v1: small convolutions that nothing was ever trained on."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

SIZE = 32  # height and width of the images that it reads
WIDTHS = (32, 64, 128)  # features of each depth
DIM = sum(WIDTHS)


class Untrained(nn.Module):
    """Images to 224 features: the means over the image of three depths.

    Parameters: kernels of `conv_1`, `conv_2`, `conv_3`, without biases.
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n 32 32 3"]) -> Float[Array, "n 224"]:
        """Features of images in [-1, 1], in float32 on every backend."""
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
            images = jax.nn.leaky_relu(convolution(images), 0.2)  # no feature may die: it is never trained
            means.append(images.mean(axis=(1, 2)))
        return jnp.concatenate(means, axis=-1)
