"""Self-attention of a GAN: each place of an image adds what it reads at all others. (Zhang et al. 2019, 1805.08318)"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jaxtyping import Float


class SelfAttention(nn.Module):
    """Computes x + gamma o, o the attention of x to itself, gamma 0 at first. (eq. 1 to 3)

    Keys and values are read at half the resolution, with c/8 and c/2 channels, as BigGAN's are. Parameters: `gamma`,
    and those of four linear layers without bias, `query`, `key`, `value`, `out`.

    Attributes:
        linear: (features, name) -> a linear layer of the last axis.
    """

    linear: Callable[[int, str], nn.Module]

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Applies attention to features, h and w even."""
        n, h, w, c = images.shape
        narrow, half = max(1, c // 8), max(1, c // 2)
        query = self.linear(narrow, "query")(images).reshape(n, h * w, narrow)
        key = _pooled(self.linear(narrow, "key")(images))
        value = _pooled(self.linear(half, "value")(images))
        scores = jnp.einsum("nqc,nkc->nqk", query, key, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores, axis=-1).astype(images.dtype)
        read = jnp.einsum("nqk,nkc->nqc", weights, value).reshape(n, h, w, half)
        gamma = self.param("gamma", nn.initializers.zeros, ())
        return images + gamma.astype(images.dtype) * self.linear(c, "out")(read)


def _pooled(images: Array) -> Array:  # (n, h, w, c) to (n, h w / 4, c), the largest of each four
    n, h, w, c = images.shape
    return lax.reduce_max(images.reshape(n, h // 2, 2, w // 2, 2, c), (2, 4)).reshape(n, h * w // 4, c)
