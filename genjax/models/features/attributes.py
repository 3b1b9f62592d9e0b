"""A small classifier of several attributes of an image, with which text-to-image models are evaluated."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from genjax.models.stacks import downsample


class AttributeClassifier(nn.Module):
    """Maps images to the logits of each attribute.

    Parameters: those of `stacks.downsample`, `shared`, `head_{name}`.
    """

    heads: tuple[tuple[str, int], ...]  # (name, number of values) of each attribute
    size: int = 32
    width: int = 24
    hidden: int = 128
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n {self.size} {self.size} c"]) -> dict[str, Float[Array, "n _"]]:
        """Computes logits, float32, from images in [-1, 1]: {name: (n, number of values)}."""
        # (n, 4, 4, d), then (n, 16 d)
        features = downsample(images, size=self.size, width=self.width, dtype=self.dtype)
        hidden = nn.relu(nn.Dense(self.hidden, dtype=self.dtype, name="shared")(features.reshape(len(features), -1)))
        return {
            name: nn.Dense(values, dtype=self.dtype, name=f"head_{name}")(hidden).astype(jnp.float32)
            for name, values in self.heads
        }
