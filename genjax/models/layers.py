"""Layers that the networks share: 4x4 convolutions of stride 2 that are fast on a CPU, resampling, minibatch deviation.

A 4x4 convolution of stride 2 halves an image, its transpose doubles it. XLA's own transposed convolution is slow on a
CPU where a gradient is taken of it (10 to 20 times the forward pass), so that there both are computed by dense
convolutions. `double`, `halve` and `correlate` are the three partial derivatives of one trilinear form, sum(fine *
double(coarse, kernel)). The derivative of each is given by the other two, so that gradients of any order (R1 needs the
second) stay fast. Where images are only made, `doubled` is XLA's own form.
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
FEW_CHANNELS = 8  # of the output, below which XLA's own forward pass is faster (1.9 against 6.1 ms, 16x16x64 -> 3)


def transposed_convolution(
    images: Float[Array, "n h w c"], kernel: Float[Array, "4 4 c d"]
) -> Float[Array, "n 2*h 2*w d"]:
    """Computes `lax.conv_transpose` with stride 2 and SAME padding, with gradients that are fast on the backend.

    Args:
        images: images (n, h, w, c).
        kernel: kernel (4, 4, c, d).
    Returns:
        Images (n, 2h, 2w, d).
    """
    if on_cpu():
        return doubled(images, kernel)
    return _plain_transposed(images, kernel)


def strided_convolution(
    images: Float[Array, "n h w c"], kernel: Float[Array, "4 4 c d"]
) -> Float[Array, "n h//2 w//2 d"]:
    """Computes a 4x4 convolution of stride 2 and padding 1, with gradients that are fast on the backend.

    Args:
        images: images (n, h, w, c), h and w even.
        kernel: kernel (4, 4, c, d).
    Returns:
        Images (n, h/2, w/2, d).
    """
    if on_cpu():
        return halve(images, _adjoint(kernel))
    return _strided(images, kernel)


@jax.custom_vjp
def double(coarse: Array, kernel: Array) -> Array:
    """Computes the transposed convolution as four 2x2 convolutions, one for each parity of row and column, interleaved.

    Args:
        coarse: images (n, h, w, c).
        kernel: kernel (4, 4, c, d).
    Returns:
        Images (n, 2h, 2w, d), equal to `lax.conv_transpose(coarse, kernel, (2, 2), "SAME")`.
    """
    if kernel.shape[-1] < FEW_CHANNELS:
        return _plain_transposed(coarse, kernel)
    n, h, w, _ = coarse.shape
    # (taps, padding) of the kernel for even and odd rows of the output: even ones use taps 0 and 2, odd ones 1 and 3.
    parities = ((slice(0, None, 2), (1, 0)), (slice(1, None, 2), (0, 1)))
    phases = [
        lax.conv_general_dilated(
            coarse, kernel[rows, columns], (1, 1), (row_padding, column_padding), dimension_numbers=LAYOUT
        )
        for rows, row_padding in parities
        for columns, column_padding in parities
    ]
    grid = jnp.stack(phases, axis=3).reshape(n, h, w, 2, 2, -1)  # last: row parity, column parity, channel
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, -1)  # (n, h, 2, w, 2, d) to (n, 2h, 2w, d)


@jax.custom_vjp
def halve(fine: Array, kernel: Array) -> Array:
    """Computes the adjoint of `double` in its images: a 4x4 convolution of stride 2 with the rotated kernel.

    Args:
        fine: images (n, 2h, 2w, d).
        kernel: kernel (4, 4, c, d), as `double` takes it.
    Returns:
        Images (n, h, w, c).
    """
    return _strided(fine, _adjoint(kernel))


@jax.custom_vjp
def correlate(coarse: Array, fine: Array) -> Array:
    """Computes the adjoint of `double` in its kernel: XLA's weight gradient of a strided convolution.

    Args:
        coarse: images (n, h, w, c).
        fine: images (n, 2h, 2w, d).
    Returns:
        Kernel (4, 4, c, d).
    """
    # A strided convolution is linear in its kernel; its transpose there is the correlation.
    shape = jax.ShapeDtypeStruct((4, 4, fine.shape[-1], coarse.shape[-1]), coarse.dtype)
    (kernel,) = jax.linear_transpose(lambda kernel: _strided(fine, kernel), shape)(coarse)
    return _adjoint(kernel)


def _plain_transposed(images: Array, kernel: Array) -> Array:
    return lax.conv_transpose(images, kernel, (2, 2), "SAME", dimension_numbers=LAYOUT)


def _strided(images: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(images, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=LAYOUT)


def _adjoint(kernel: Array) -> Array:
    return kernel[::-1, ::-1].swapaxes(2, 3)  # rotated by 180 degrees, (4, 4, c, d) to (4, 4, d, c)


@jax.custom_vjp
def doubled(coarse: Array, kernel: Array) -> Array:
    """Computes `double` in XLA's own form where no gradient is taken, as in sampling; otherwise as `double` does."""
    return _plain_transposed(coarse, kernel)


# Each pair: forward -> (output, saved inputs), backward (saved inputs, cotangent) -> cotangents of both inputs.
double.defvjp(
    lambda coarse, kernel: (double(coarse, kernel), (coarse, kernel)),
    lambda saved, fine: (halve(fine, saved[1]), correlate(saved[0], fine)),
)
doubled.defvjp(
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
    """A layer that doubles images by a 4x4 transposed convolution: (n, h, w, c) -> (n, 2h, 2w, features).

    Its parameters, `kernel` (4, 4, c, features) and `bias` (features,), are those of `nn.ConvTranspose`.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w {self.features}"]:
        """Doubles the images, in the module's compute dtype."""
        return _convolve(self, transposed_convolution, images)


class DownConv(nn.Module):
    """A layer that halves images by a 4x4 convolution of stride 2: (n, h, w, c) -> (n, h/2, w/2, features).

    Its parameters, `kernel` (4, 4, c, features) and `bias` (features,), are those of `nn.Conv`.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 {self.features}"]:
        """Halves the images, in the module's compute dtype."""
        return _convolve(self, strided_convolution, images)


def _convolve(module: UpConv | DownConv, convolution: Callable[[Array, Array], Array], images: Array) -> Array:
    shape = (4, 4, images.shape[-1], module.features)
    kernel = module.param("kernel", nn.initializers.lecun_normal(), shape)
    bias = module.param("bias", nn.initializers.zeros, (module.features,))
    images = convolution(images.astype(module.dtype), kernel.astype(module.dtype))
    return images + jnp.asarray(bias, module.dtype)[None, None, None]  # (1, 1, 1, features)


def resampled(images: Array, how: str) -> Array:
    """Halves images by the mean of four pixels, doubles them by repetition, or leaves them as they are."""
    n, h, w, c = images.shape
    if how == "halve":
        return images.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))
    if how == "double":
        wide = jnp.broadcast_to(images[:, :, None, :, None], (n, h, 2, w, 2, c))
        return wide.reshape(n, 2 * h, 2 * w, c)
    return images


def minibatch_deviation(features: Float[Array, "n h w c"], *, group: int = 4) -> Float[Array, "n h w c+1"]:
    """Appends a channel with the standard deviation inside a group of images. (Karras et al. 2018, section 3)

    It lets a critic see a lack of variety.

    Args:
        features: features (n, h, w, c).
        group: number of neighbours in the batch that are compared; the largest divisor of n up to it is used.
            Neighbours lie on one device and in one part of a batch: any other choice makes devices wait for each other.
            If none divides n (5, 7, 11), each image is compared with the next ones, the last with the first again.
    Returns:
        Features (n, h, w, c + 1), the last channel the mean standard deviation over the image's group.
    """
    n, h, w, c = features.shape
    divisor = max(size for size in range(1, min(group, n) + 1) if n % size == 0)
    if divisor > 1 or n == 1:
        members = features.reshape(n // divisor, divisor, h, w, c).swapaxes(0, 1)  # (group, groups, h, w, c)
    else:
        # (group, n, h, w, c): image i is compared with i + 1, i + 2, ...
        divisor, members = 1, jnp.stack([jnp.roll(features, -shift, axis=0) for shift in range(min(group, n))])
    spread = jnp.sqrt(members.astype(jnp.float32).var(axis=0) + 1e-8)  # 1e-8, since sqrt has no gradient at 0
    channel = jnp.repeat(spread.mean(axis=(1, 2, 3)), divisor)[:, None, None, None]  # (n, 1, 1, 1)
    return jnp.concatenate([features, jnp.broadcast_to(channel, (n, h, w, 1)).astype(features.dtype)], axis=-1)
