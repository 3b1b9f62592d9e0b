"""Spectral normalisation: kernels divided by their largest singular value. (Miyato et al. 2018, 1802.05957)

The paper keeps one vector a kernel and improves it by one power iteration a step. Here the value is found anew in each
use, from the kernel alone: W^T W is squared SQUARINGS times, which is as many as 2^SQUARINGS power iterations. Nothing
has to be kept in a checkpoint, carried by a transfer or agreed on by devices, and the first step is as exact as the
last. It costs a few products of d x d matrices, little beside a convolution of a batch.
"""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float

from genjax.models.layers import LAYOUT

SQUARINGS = 6
TINY = 1e-12


def largest_singular_value(matrix: Float[Array, "m d"]) -> Float[Array, ""]:
    """Computes |W|_2, from below: |W v| of a unit vector v near the first right singular vector.

    Its gradient is that of the value, u v^T, since v is held: d|W v| = u^T dW v. (eq. 10 to 12)

    Args:
        matrix: W, float32.
    Returns:
        The largest singular value. Of a matrix whose largest two are equal, or nearly so, any vector between theirs
        serves.
    """
    small = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    power = _product(small.T, small)
    for _ in range(SQUARINGS):  # W^T W to the power 2^SQUARINGS, of trace 1
        power = power / jnp.maximum(jnp.trace(power), TINY)
        power = _product(power, power)
    # Each column is the first vector times its own entry there; the longest is farthest from zero.
    column = power[:, jnp.argmax(jnp.diagonal(power))]
    vector = lax.stop_gradient(column / jnp.maximum(jnp.linalg.norm(column), TINY))
    return jnp.sqrt(jnp.square(_product(small, vector)).sum() + TINY)


def spectral_norm(kernel: Float[Array, "*m d"]) -> Float[Array, "*m d"]:
    """Divides a kernel by the largest singular value of the matrix (inputs, outputs) that it is reshaped to."""
    return kernel / largest_singular_value(kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32))


def _product(a: Array, b: Array) -> Array:  # in full float32, also where a device rounds the factors of a product
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


class Conv(nn.Module):
    """A 3x3 convolution, its kernel normalised if wanted. Parameters: `kernel` (3, 3, c, features), `bias`."""

    features: int
    spectral: bool
    gain: float = math.sqrt(2)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w {self.features}"]:
        """Applies the layer, in the module's compute dtype."""
        kernel = _kernel(self, (3, 3, images.shape[-1], self.features), self.gain, self.spectral).astype(self.dtype)
        images = images.astype(self.dtype)
        images = lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT)
        return images + _bias(self)[None, None, None]


class Dense(nn.Module):
    """A linear layer of the last axis, its kernel normalised if wanted: (..., c) -> (..., features).

    Applied to images it is a 1x1 convolution, as one matrix product: XLA's gradient of such a convolution is slow on a
    CPU. Parameters: `kernel` (c, features), `bias`.
    """

    features: int
    spectral: bool
    gain: float = 1.0
    with_bias: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "*n c"]) -> Float[Array, "*n {self.features}"]:
        """Applies the layer, in the module's compute dtype."""
        c = inputs.shape[-1]
        kernel = _kernel(self, (c, self.features), self.gain, self.spectral).astype(self.dtype)
        outputs = inputs.reshape(-1, c).astype(self.dtype) @ kernel
        if self.with_bias:
            outputs = outputs + _bias(self)[None]
        return outputs.reshape(*inputs.shape[:-1], self.features)


def _kernel(module: nn.Module, shape: tuple[int, ...], gain: float, spectral: bool) -> Array:
    """Makes the parameter `kernel`, uniform, of variance 2 gain^2 / (inputs + outputs). (Glorot & Bengio 2010)"""
    inputs, outputs = math.prod(shape[:-1]), math.prod(shape[:-2]) * shape[-1]
    draw = nn.initializers.uniform(2 * gain * math.sqrt(6 / (inputs + outputs)))  # as a matrix: compiles sooner

    def centred(key: Array, shape: tuple[int, ...]) -> Array:
        drawn = draw(key, (math.prod(shape[:-1]), shape[-1]))
        return drawn.reshape(shape) - gain * math.sqrt(6 / (inputs + outputs))

    kernel = module.param("kernel", centred, shape)
    return spectral_norm(kernel) if spectral else kernel


def _bias(module: Conv | Dense) -> Array:
    return module.param("bias", nn.initializers.zeros, (module.features,)).astype(module.dtype)
