"""R3GAN's networks: residual blocks without normalisation in generator and critic. (Huang et al. 2024, 2501.05441)

They are meant for the relativistic loss with R1 and R2. A block is x + W3 a(W2 a(W1 x)): to twice the width, a 3x3
convolution in groups of 16 channels, and back, W3 zero at first. The only biases of blocks are those of the activations
a. Nothing bounds the images: they come to lie in [-1, 1] because those of the training set do.

On a CPU the network is affordable at 16 pixels, not above.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.layers import LAYOUT
from genjax.models.stacks import SMALLEST, features_at, given, resolutions

BLOCKS = 2  # of each resolution
EXPANSION = 2  # of a block's width inside
GROUP = 16  # channels of a group
SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the mean square through an activation (He et al. 2015)


class Generator(nn.Module):
    """Maps latents to images.

    Parameters: `basis`, features at 4x4 that a linear map of the latents, `stem`, scales; `stage_4`, `up_8`, ...,
    `up_{size}`, each `block_0`, `block_1`, the latter with `change` before them; `image`; `class`.
    """

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images, float32, of these classes where there are some."""
        sizes, widths = resolutions(self.size), widths_of(self.size, self.width)
        depth = BLOCKS * len(sizes)
        if self.classes:
            table = nn.Embed(self.classes, self.latent_size, embedding_init=nn.initializers.normal(1.0), name="class")
            latents = jnp.concatenate([latents, table(given(labels))], axis=-1)
        basis = self.param("basis", nn.initializers.normal(1.0), (SMALLEST, SMALLEST, widths[0]))
        scales = Linear(widths[0], dtype=self.dtype, name="stem")(latents)
        hidden = basis.astype(self.dtype)[None] * scales[:, None, None]
        hidden = Stage(widths[0], depth, dtype=self.dtype, name="stage_4")(hidden)
        for resolution, width in zip(sizes[1:], widths[1:], strict=True):
            hidden = Stage(width, depth, "double", self.dtype, name=f"up_{resolution}")(hidden)
        return Linear(self.channels, dtype=self.dtype, name="image")(hidden).astype(jnp.float32)


class Critic(nn.Module):
    """Maps images to one logit each, high for real.

    Parameters: `image`; `down_{size/2}`, ..., `down_4`, `last`, each `block_0`, `block_1`, all but `last` with `change`
    after them; `basis`, the weights of each channel's 4x4 places; `head`; `projection`, a table of the classes.
    """

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without

    def setup(self) -> None:
        """Builds what follows the features apart, so that they can be computed without it."""
        self.wide = widths_of(self.size, self.width)[0]
        self.last = Stage(self.wide, self.depth, dtype=self.dtype)
        scale = nn.initializers.normal(1 / SMALLEST)
        self.basis = self.param("basis", scale, (SMALLEST, SMALLEST, self.wide))
        self.head = Linear(1, dtype=self.dtype)
        if self.classes:
            # At zero the critic begins as one without classes; its slope there is that of the features.
            self.projection = nn.Embed(self.classes, self.wide, embedding_init=nn.initializers.zeros)

    @property
    def depth(self) -> int:
        """The number of all residual blocks."""
        return BLOCKS * len(resolutions(self.size))

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 d"]:
        """Computes the features before the last blocks, in the compute dtype."""
        sizes, widths = resolutions(self.size), widths_of(self.size, self.width)
        hidden = Linear(widths[-1], dtype=self.dtype, name="image")(images)
        for resolution, width in zip(reversed(sizes[:-1]), reversed(widths[:-1]), strict=True):
            hidden = Stage(width, self.depth, "halve", self.dtype, name=f"down_{resolution}")(hidden)
        return hidden

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, " n"]:
        """Computes logits, float32.

        Of classes they are f(x, y) = <e(y), phi(x)> / sqrt(d) + psi(phi(x)), psi the head, phi its input of length d,
        each channel's weighted sum over its 4x4 places. (Miyato & Koyama 2018, eq. 3)
        """
        hidden = self.last(self.features(images)).astype(jnp.float32)
        hidden = (hidden * self.basis[None]).sum(axis=(1, 2))  # (n, 4, 4, d) to (n, d)
        logits = self.head(hidden)[:, 0].astype(jnp.float32)  # (n, 1) to (n,)
        if self.classes:
            logits = logits + (self.projection(given(labels)) * hidden).sum(axis=-1) / math.sqrt(self.wide)
        return logits


class Stage(nn.Module):
    """Blocks of one resolution; first doubled from the one before, or afterwards halved to the next, if wanted.

    Parameters: `block_0`, `block_1`; `change`, a linear layer, where the width changes too.
    """

    features: int  # of the output
    depth: int  # blocks of the network
    resample: str = ""  # "double" before the blocks, "halve" after them
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n _ _ {self.features}"]:
        """Applies the stage. A doubling follows its linear layer, a halving comes before it: both on the small side."""
        if self.resample == "double":
            images = doubled(self._changed(images))
        for index in range(BLOCKS):
            images = Block(self.depth, self.dtype, name=f"block_{index}")(images)
        return self._changed(halved(images)) if self.resample == "halve" else images

    def _changed(self, images: Array) -> Array:
        if images.shape[-1] == self.features:
            return images
        return Linear(self.features, with_bias=False, dtype=self.dtype, name="change")(images)


class Block(nn.Module):
    """Computes x + W3 a(W2 a(W1 x)), W3 zero at first. (section 3.3)

    The gain of W1 and W2 falls with the depth L of the network as L^(-1/4), so that the variance of the output does not
    grow with L. (Zhang et al. 2019, Fixup, 1901.09321) Parameters: `expand`, `bias_0`, `mix`, `bias_1`, `contract`.
    """

    depth: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Applies the block."""
        c = images.shape[-1]
        inside, gain = EXPANSION * c, GAIN * self.depth**-0.25
        hidden = Linear(inside, gain, with_bias=False, dtype=self.dtype, name="expand")(images)
        hidden = GroupedConv(gain, self.dtype, name="mix")(self._activated(hidden, 0))
        contract = Linear(c, 0.0, with_bias=False, dtype=self.dtype, name="contract")
        return images.astype(self.dtype) + contract(self._activated(hidden, 1))

    def _activated(self, hidden: Array, index: int) -> Array:
        bias = self.param(f"bias_{index}", nn.initializers.zeros, (hidden.shape[-1],)).astype(self.dtype)
        return nn.leaky_relu(hidden + bias[None, None, None], SLOPE)


class GroupedConv(nn.Module):
    """A 3x3 convolution in groups of GROUP channels, or of fewer where they do not divide: as many out as in."""

    gain: float = 1.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Applies the layer, in the module's compute dtype."""
        c = images.shape[-1]
        group = max(size for size in range(1, min(GROUP, c) + 1) if c % size == 0)
        return grouped_convolution(images, self.param("kernel", normal(self.gain), (3, 3, group, c)).astype(self.dtype))


class Linear(nn.Module):
    """A linear layer of the last axis, N(0, gain^2 / c) at first: (..., c) -> (..., features).

    Of images it is a 1x1 convolution, as one matrix product: XLA's gradient of such a convolution is slow on a CPU.
    """

    features: int
    gain: float = 1.0
    with_bias: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "*n c"]) -> Float[Array, "*n {self.features}"]:
        """Applies the layer, in the module's compute dtype."""
        c = inputs.shape[-1]
        kernel = self.param("kernel", normal(self.gain), (c, self.features)).astype(self.dtype)
        outputs = inputs.reshape(-1, c).astype(self.dtype) @ kernel
        if self.with_bias:
            outputs = outputs + self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)[None]
        return outputs.reshape(*inputs.shape[:-1], self.features)


def grouped_convolution(images: Float[Array, "n h w c"], kernel: Float[Array, "3 3 g c"]) -> Float[Array, "n h w c"]:
    """Convolves each group of g channels with kernels of its own.

    The kernels are written into one that is zero elsewhere. XLA's gradient of a grouped convolution takes 14 to 45
    times as long on a CPU, and open reports say the same of GPUs.

    Args:
        images: features (n, h, w, c), c a multiple of g.
        kernel: kernel (3, 3, g, c) of inputs in a group and all outputs, as `feature_group_count` c/g takes it.
    """
    _, _, g, c = kernel.shape
    same = jnp.repeat(jnp.eye(c // g, dtype=kernel.dtype), g, axis=1)  # (groups, c): of which group an output is
    dense = (kernel[:, :, None] * same[None, None, :, None]).reshape(3, 3, c, c)
    return lax.conv_general_dilated(images, dense, (1, 1), "SAME", dimension_numbers=LAYOUT)


def doubled(images: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w c"]:
    """Doubles images by the filter [1, 2, 1]: y[2i] = (x[i-1] + x[i]) / 2 and y[2i+1] = x[i], in either axis."""
    for axis in (1, 2):
        before = _shifted(images, axis)
        shape = [2 * length if place == axis else length for place, length in enumerate(images.shape)]
        images = jnp.stack([(before + images) / 2, images], axis=axis + 1).reshape(shape)
    return images


def halved(images: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 c"]:
    """Halves images by the filter [1, 2, 1]: y[i] = (x[2i-1] + 2 x[2i] + x[2i+1]) / 4, in either axis."""
    for axis in (1, 2):
        shape = images.shape
        pairs = images.reshape(*shape[:axis], shape[axis] // 2, 2, *shape[axis + 1 :])
        even, odd = (lax.index_in_dim(pairs, place, axis + 1, keepdims=False) for place in (0, 1))
        images = even / 2 + (_shifted(odd, axis, first=even) + odd) / 4
    return images


def _shifted(images: Array, axis: int, first: Array | None = None) -> Array:
    """Moves images by one place along an axis; the edge, or that of other images, is repeated before them."""
    edge = lax.slice_in_dim(images if first is None else first, 0, 1, axis=axis)
    return lax.concatenate([edge, lax.slice_in_dim(images, 0, -1, axis=axis)], axis)


def widths_of(size: int, width: int) -> list[int]:
    """Lists the widths of the resolutions, 4 first: `width` at the images' size and at half of it, then doubled."""
    return [features_at(min(resolution, size // 2), size=size, width=width) for resolution in resolutions(size)]


def normal(gain: float) -> Callable[[Array, tuple[int, ...]], Array]:
    """Makes an initialiser of variance gain^2 / inputs that draws a matrix: a draw of four axes compiles slowly."""

    def drawn(key: Array, shape: tuple[int, ...]) -> Array:
        inputs = math.prod(shape[:-1])
        return (gain / math.sqrt(inputs) * jax.random.normal(key, (inputs, shape[-1]))).reshape(shape)

    return drawn
