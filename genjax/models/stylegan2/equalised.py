"""Layers with equalised learning rates: weights of variance 1, scaled when used. (Karras et al. 2018, section 4.1)

Adam moves all weights by about the same amount in a step. Where all have variance 1, that is the same fraction of each,
whatever the number of a layer's inputs.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float

from genjax.models.layers import LAYOUT


class EqualDense(nn.Module):
    """A linear layer with an equalised learning rate, `rate` times that of others: (..., c) -> (..., features).

    Applied to images it is a 1x1 convolution, as one matrix product. Parameters: `kernel`, N(0, 1) / rate, and `bias`.
    """

    features: int
    rate: float = 1.0
    initial_bias: float = 0.0
    with_bias: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "*n c"]) -> Float[Array, "*n {self.features}"]:
        """Applies the layer, in the module's compute dtype."""
        kernel = equalised_kernel(self, (inputs.shape[-1], self.features), rate=self.rate).astype(self.dtype)
        outputs = per_pixel(inputs.astype(self.dtype), kernel)
        if not self.with_bias:
            return outputs
        added = bias(self, self.features, initial=self.initial_bias, rate=self.rate).astype(self.dtype)
        return outputs + jnp.broadcast_to(added, outputs.shape)


class EqualConv(nn.Module):
    """A 3x3 convolution with an equalised learning rate. Parameters: `kernel` (3, 3, c, features), `bias`."""

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w {self.features}"]:
        """Applies the layer, in the module's compute dtype."""
        kernel = equalised_kernel(self, (3, 3, images.shape[-1], self.features)).astype(self.dtype)
        images = images.astype(self.dtype)
        images = lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT)
        return images + bias(self, self.features).astype(self.dtype)[None, None, None]


def equalised_kernel(module: nn.Module, shape: tuple[int, ...], *, rate: float = 1.0) -> Array:
    """Makes the parameter `kernel`, N(0, 1) / rate, and returns it times rate / sqrt(inputs)."""
    kernel = module.param("kernel", normal_matrix(1 / rate), shape)
    return kernel * (rate / math.sqrt(math.prod(shape[:-1])))


def bias(module: nn.Module, features: int, *, initial: float = 0.0, rate: float = 1.0) -> Array:
    """Makes the parameter `bias`, initial / rate, and returns it times rate: (features,)."""
    return module.param("bias", nn.initializers.constant(initial / rate), (features,)) * rate


def normal_matrix(deviation: float) -> Callable[[Array, tuple[int, ...]], Array]:
    """Makes an initialiser that draws a kernel as a matrix: XLA takes longer to compile a draw of four axes."""
    draw = nn.initializers.normal(deviation)
    return lambda key, shape: draw(key, (math.prod(shape[:-1]), shape[-1])).reshape(shape)


def per_pixel(inputs: Array, kernel: Array) -> Array:
    """Multiplies the last axis by a matrix, in one product: XLA's gradient of a 1x1 convolution is slow on a CPU."""
    return (inputs.reshape(-1, inputs.shape[-1]) @ kernel).reshape(*inputs.shape[:-1], kernel.shape[-1])
