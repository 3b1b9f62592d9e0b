"""The layers that the families are built from: stride-2 convolutions, group normalisation, minibatch deviation.

A 4x4 convolution of stride 2 halves an image, its transpose doubles it. XLA's own transposed convolution is slow on a
CPU (its gradient takes 10 to 20 times the forward pass), so there both are computed in forms that run as dense
convolutions. `double`, `halve` and `correlate` are the three ways to read one trilinear form,
sum(fine * double(coarse, kernel)): the derivative of each is the other two, so that gradients of any order (R1 needs
the second) stay among the fast forms.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float

from genjax.devices.backend import on_cpu

LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW_CHANNELS = 8  # output channels below which XLA's forward pass is the faster (1.9 against 6.1 ms, 16x16x64 -> 3)
FEW_IMAGES = 4  # and images up to which it is: one image through a DCGAN takes .7 ms and not .9


def transposed_convolution(
    images: Float[Array, "n h w c"], kernel: Float[Array, "4 4 c d"]
) -> Float[Array, "n 2*h 2*w d"]:
    """`lax.conv_transpose` with stride 2 and SAME padding, in the form that suits the backend.

    Args:
        images: (n, h, w, c).
        kernel: (4, 4, c, d).
    Returns:
        (n, 2h, 2w, d).
    """
    if on_cpu():
        return double(images, kernel)
    return _plain_transposed(images, kernel)


def strided_convolution(
    images: Float[Array, "n h w c"], kernel: Float[Array, "4 4 c d"]
) -> Float[Array, "n h//2 w//2 d"]:
    """A 4x4 convolution of stride 2 and padding 1, in the form that suits the backend.

    Args:
        images: (n, h, w, c), h and w even.
        kernel: (4, 4, c, d).
    Returns:
        (n, h/2, w/2, d).
    """
    if on_cpu():
        return halve(images, _adjoint(kernel))
    return _strided(images, kernel)


@jax.custom_vjp
def double(coarse: Array, kernel: Array) -> Array:
    """The transposed convolution as four 2x2 convolutions, one for each parity of row and column, interleaved.

    Args:
        coarse: (n, h, w, c).
        kernel: (4, 4, c, d).
    Returns:
        (n, 2h, 2w, d), equal to `lax.conv_transpose(coarse, kernel, (2, 2), "SAME")`.
    """
    if kernel.shape[-1] < FEW_CHANNELS or len(coarse) <= FEW_IMAGES:
        return _plain_transposed(coarse, kernel)
    n, h, w, _ = coarse.shape
    parities = ((slice(0, None, 2), (1, 0)), (slice(1, None, 2), (0, 1)))  # an even output reads taps 0 and 2
    phases = [
        lax.conv_general_dilated(
            coarse, kernel[rows, columns], (1, 1), (row_padding, column_padding), dimension_numbers=LAYOUT
        )
        for rows, row_padding in parities
        for columns, column_padding in parities
    ]
    grid = jnp.stack(phases, axis=3).reshape(n, h, w, 2, 2, -1)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, -1)


@jax.custom_vjp
def halve(fine: Array, kernel: Array) -> Array:
    """The adjoint of `double` in its images: a 4x4 convolution of stride 2 with the kernel turned round.

    Args:
        fine: (n, 2h, 2w, d).
        kernel: (4, 4, c, d), as `double` reads it.
    Returns:
        (n, h, w, c).
    """
    return _strided(fine, _adjoint(kernel))


@jax.custom_vjp
def correlate(coarse: Array, fine: Array) -> Array:
    """The adjoint of `double` in its kernel: what XLA computes as the weight gradient of a strided convolution.

    Args:
        coarse: (n, h, w, c).
        fine: (n, 2h, 2w, d).
    Returns:
        (4, 4, c, d).
    """
    shape = jax.ShapeDtypeStruct((4, 4, fine.shape[-1], coarse.shape[-1]), coarse.dtype)
    (kernel,) = jax.linear_transpose(lambda kernel: _strided(fine, kernel), shape)(coarse)
    return _adjoint(kernel)


def _plain_transposed(images: Array, kernel: Array) -> Array:
    return lax.conv_transpose(images, kernel, (2, 2), "SAME", dimension_numbers=LAYOUT)


def _strided(images: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(images, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=LAYOUT)


def _adjoint(kernel: Array) -> Array:
    return kernel[::-1, ::-1].swapaxes(2, 3)


double.defvjp(
    lambda coarse, kernel: (double(coarse, kernel), (coarse, kernel)),
    lambda saved, fine: (halve(fine, saved[1]), correlate(saved[0], fine)),
)
halve.defvjp(
    lambda fine, kernel: (halve(fine, kernel), (fine, kernel)),
    lambda saved, coarse: (double(coarse, saved[1]), correlate(coarse, saved[0])),
)
correlate.defvjp(
    lambda coarse, fine: (correlate(coarse, fine), (coarse, fine)),
    lambda saved, kernel: (halve(saved[1], kernel), double(saved[0], kernel)),
)


class UpConv(nn.Module):
    """Doubles an image with a 4x4 transposed convolution: (n, h, w, c) -> (n, 2h, 2w, features).

    Its parameters, `kernel` (4, 4, c, features) and `bias` (features,), are those of `nn.ConvTranspose`.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w {self.features}"]:
        """The doubled images, in the module's compute dtype."""
        return _convolve(self, transposed_convolution, images)


class DownConv(nn.Module):
    """Halves an image with a 4x4 convolution of stride 2: (n, h, w, c) -> (n, h/2, w/2, features).

    Its parameters, `kernel` (4, 4, c, features) and `bias` (features,), are those of `nn.Conv`.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 {self.features}"]:
        """The halved images, in the module's compute dtype."""
        return _convolve(self, strided_convolution, images)


def _convolve(module: UpConv | DownConv, convolution: Callable[[Array, Array], Array], images: Array) -> Array:
    shape = (4, 4, images.shape[-1], module.features)
    kernel = module.param("kernel", nn.initializers.lecun_normal(), shape)
    bias = module.param("bias", nn.initializers.zeros, (module.features,))
    images = convolution(images.astype(module.dtype), kernel.astype(module.dtype))
    return images + jnp.asarray(bias, module.dtype)[None, None, None]


def minibatch_deviation(features: Float[Array, "n h w c"], *, group: int = 4) -> Float[Array, "n h w c+1"]:
    """Appends one channel: how much the features vary inside a group, so that a critic sees a lack of variety.

    Args:
        features: (n, h, w, c).
        group: neighbours in the batch that are compared; the largest divisor of n up to it is used. Neighbours lie on
            one device and in one part of a batch: any other choice makes devices wait for each other. Where none
            divides n (5, 7, 11), each image is compared with the next ones, the last with the first again.
    Returns:
        (n, h, w, c + 1), the last channel the mean standard deviation over the image's group.
    Source: Karras et al. 2018, section 3.
    """
    n, h, w, c = features.shape
    divisor = max(size for size in range(1, min(group, n) + 1) if n % size == 0)
    if divisor > 1 or n == 1:
        members = features.reshape(n // divisor, divisor, h, w, c).swapaxes(0, 1)
    else:
        divisor, members = 1, jnp.stack([jnp.roll(features, -shift, axis=0) for shift in range(min(group, n))])
    spread = jnp.sqrt(members.astype(jnp.float32).var(axis=0) + 1e-8)  # the offset: sqrt has no slope at 0
    channel = jnp.repeat(spread.mean(axis=(1, 2, 3)), divisor)[:, None, None, None]
    return jnp.concatenate([features, jnp.broadcast_to(channel, (n, h, w, 1)).astype(features.dtype)], axis=-1)
