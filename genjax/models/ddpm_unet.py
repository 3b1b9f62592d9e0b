"""The U-Net of denoising diffusion, which public checkpoints hold. (Ho et al. 2020, appendix B)

Its arithmetic is that of diffusers' UNet2DModel, layer by layer, so that parameters of one can be used in the other:
`genjax.families.flow.ddpm.unet_2d` says which is which. tests/parity/test_unet_2d.py holds both beside each other.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.layers import resampled
from genjax.models.transformer import attend

LOWEST = 1e-4  # of the frequencies that a time is seen in; the highest is 1
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "silu": nn.silu,
    "mish": lambda x: x * jnp.tanh(nn.softplus(x)),
    "gelu": functools.partial(nn.gelu, approximate=False),
    "relu": nn.relu,
}


class Style(NamedTuple):
    """The settings that all blocks of a network have in common; see the fields of `DdpmUnet`."""

    groups: int
    epsilon: float
    activation: str
    head_width: int
    scale_shift: bool
    pad: int
    remat: bool
    dtype: DTypeLike

    def norm(self, name: str) -> nn.Module:
        """Makes a normalisation over groups of channels."""
        # The two-pass variance, as PyTorch has it: the fast one loses digits where a mean is far from 0.
        return nn.GroupNorm(self.groups, epsilon=self.epsilon, dtype=self.dtype, use_fast_variance=False, name=name)

    def linear(self, features: int, name: str, *, zero: bool = False) -> nn.Module:
        """Makes a linear layer; `zero` where what it adds begins as nothing."""
        return nn.Dense(features, dtype=self.dtype, kernel_init=_initial(zero), name=name)

    def convolution(self, features: int, name: str, *, extent: int = 3, zero: bool = False) -> nn.Module:
        """Makes a convolution that keeps height and width."""
        return nn.Conv(features, (extent, extent), dtype=self.dtype, kernel_init=_initial(zero), name=name)


def _initial(zero: bool) -> Callable[..., Array]:
    return nn.initializers.zeros if zero else nn.initializers.xavier_uniform()


class Resnet(nn.Module):
    """Two convolutions, added to their input; the time shifts, or scales and shifts, what is between them.

    Parameters: `norm_1`, `conv_1`, `time`, `norm_2`, `conv_2`; `shortcut` where the number of channels changes.
    """

    width: int
    style: Style
    divisor: float = 1.0

    @nn.compact
    def __call__(
        self, hidden: Float[Array, "n h w c"], time: Float[Array, "n e"]
    ) -> Float[Array, "n h w {self.width}"]:
        """Maps features (n, h, w, c) to (n, h, w, width), given the embedded times (n, e)."""
        style, act = self.style, ACTIVATIONS[self.style.activation]
        inner = style.convolution(self.width, "conv_1")(act(style.norm("norm_1")(hidden)))
        moved = style.linear((1 + style.scale_shift) * self.width, "time")(act(time))[:, None, None]
        if style.scale_shift:
            scale, shift = jnp.split(moved, 2, axis=-1)
            inner = style.norm("norm_2")(inner) * (1 + scale) + shift
        else:
            inner = style.norm("norm_2")(inner + moved)
        inner = style.convolution(self.width, "conv_2", zero=True)(act(inner))
        if hidden.shape[-1] != self.width:
            hidden = style.convolution(self.width, "shortcut", extent=1)(hidden)
        return (hidden + inner) / self.divisor


class Attention(nn.Module):
    """Attention of all places of an image to one another, added to its input.

    Parameters: `norm`, `query`, `key`, `value`, `out`.
    """

    style: Style
    normed: bool = True
    divisor: float = 1.0

    @nn.compact
    def __call__(self, hidden: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Adds to features (n, h, w, c), c a multiple of a head's width, what each place sees in all others."""
        n, height, width, channels = hidden.shape
        style, heads = self.style, channels // (self.style.head_width or channels)
        places = (style.norm("norm")(hidden) if self.normed else hidden).reshape(n * height * width, channels)
        parts = [style.linear(channels, name)(places) for name in ("query", "key", "value")]
        queries, keys, values = (  # (n, heads, h * w, d) each
            part.reshape(n, height * width, heads, channels // heads).swapaxes(1, 2) for part in parts
        )
        mixed = attend(queries, keys, values).swapaxes(1, 2).reshape(n * height * width, channels)
        added = style.linear(channels, "out", zero=True)(mixed)
        return (hidden + added.reshape(hidden.shape)) / self.divisor


class Down(nn.Module):
    """Residual blocks, with attention or without, and a convolution of stride 2 where another block follows.

    Parameters: `resnet_0`, ..., `attention_0`, ..., `half`.
    """

    width: int
    layers: int
    attention: bool
    last: bool
    style: Style

    @nn.compact
    def __call__(self, hidden: Float[Array, "n h w c"], time: Float[Array, "n e"]) -> tuple[Array, ...]:
        """Computes what the way up is given.

        Args:
            hidden: features (n, h, w, c).
            time: embedded times (n, e).
        Returns:
            Features (n, h, w, width) after each residual block, then their half (n, h / 2, w / 2, width) unless this is
            the last block; the next one is given the last of them.
        """
        kept = []
        for layer in range(self.layers):
            hidden = _resnet(self.width, self.style, f"resnet_{layer}")(hidden, time)
            if self.attention:
                hidden = Attention(self.style, name=f"attention_{layer}")(hidden)
            kept.append(hidden)
        if not self.last:
            pad = (self.style.pad, self.style.pad) if self.style.pad else (0, 1)
            half = nn.Conv(self.width, (3, 3), 2, padding=(pad, pad), dtype=self.style.dtype, name="half")
            kept.append(half(hidden))
        return tuple(kept)


class Up(nn.Module):
    """Residual blocks, each given what the way down kept, and a doubling of the image where another block follows.

    Parameters: `resnet_0`, ..., `attention_0`, ..., `double`.
    """

    width: int
    attention: bool
    last: bool
    style: Style

    @nn.compact
    def __call__(
        self, hidden: Float[Array, "n h w c"], kept: tuple[Array, ...], time: Float[Array, "n e"]
    ) -> Float[Array, "n hh ww {self.width}"]:
        """Applies the block.

        Args:
            hidden: features (n, h, w, c).
            kept: features (n, h, w, ...) of the way down, one for each residual block; the last is used first.
            time: embedded times (n, e).
        Returns:
            Features (n, 2 h, 2 w, width); of the last block (n, h, w, width).
        """
        for layer, skip in enumerate(reversed(kept)):
            joined = jnp.concatenate([hidden, skip], axis=-1)
            hidden = _resnet(self.width, self.style, f"resnet_{layer}")(joined, time)
            if self.attention:
                hidden = Attention(self.style, name=f"attention_{layer}")(hidden)
        if self.last:
            return hidden
        return self.style.convolution(self.width, "double")(resampled(hidden, "double"))


class Middle(nn.Module):
    """A residual block, attention, and another one. Parameters: `resnet_0`, `attention_0`, `resnet_1`."""

    attention: bool
    style: Style
    divisor: float

    @nn.compact
    def __call__(self, hidden: Float[Array, "n h w c"], time: Float[Array, "n e"]) -> Float[Array, "n h w c"]:
        """Maps features (n, h, w, c) to others of the same shape, given the embedded times (n, e)."""
        width = hidden.shape[-1]
        hidden = _resnet(width, self.style, "resnet_0", self.divisor)(hidden, time)
        if self.attention:
            normed = not self.style.scale_shift
            hidden = Attention(self.style, normed, self.divisor, name="attention_0")(hidden)
        return _resnet(width, self.style, "resnet_1", self.divisor)(hidden, time)


def _resnet(width: int, style: Style, name: str, divisor: float = 1.0) -> nn.Module:
    return (nn.remat(Resnet) if style.remat else Resnet)(width, style, divisor, name=name)


class DdpmUnet(nn.Module):
    """Maps a noisy image and its noise level to an image-like output, zero at first.

    Parameters: `conv_in`, `time_1`, `time_2`, `down_0`, ..., `middle`, `up_0`, ..., `norm_out`, `conv_out`; `class`
    where there are classes, whose last row stands for none.
    """

    channels: int
    widths: tuple[int, ...] = (64, 128, 128)  # channels of the blocks, the finest first
    down_attention: tuple[bool, ...] = (False, True, False)
    up_attention: tuple[bool, ...] = (False, True, False)  # the coarsest first
    layers: int = 2  # residual blocks of a block down; one more of each up
    middle_attention: bool = True
    groups: int = 32
    epsilon: float = 1e-5
    activation: str = "silu"
    head_width: int = 0  # 0 is one head
    scale_shift: bool = False
    pad: int = 1  # of the convolutions of stride 2 on every side; 0 is 1 on the far sides only
    time_width: int = 0  # 0 is four times the finest block's
    cosine_first: bool = True
    frequency_shift: float = 0.0
    timesteps: int = 1000  # that noise levels from 0 to 1 count as
    centred: bool = False  # the input is 2 z - 1
    middle_divisor: float = 1.0
    classes: int = 0  # 0 is without
    remat: bool = False  # compute a residual block again in its gradient instead of keeping what it needs
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], levels: Float[Array, " n"], condition: Int[Array, " n"] | None = None
    ) -> Float[Array, "n h w {self.channels}"]:
        """Computes the output, float32.

        Args:
            images: noisy images; height and width are divided by 2 as often as there are blocks but one.
            levels: their noise levels, of DDPM the step divided by `timesteps`.
            condition: classes (n,), of which `classes` is none; None for a network without.
        """
        style = Style(
            groups=self.groups,
            epsilon=self.epsilon,
            activation=self.activation,
            head_width=self.head_width,
            scale_shift=self.scale_shift,
            pad=self.pad,
            remat=self.remat,
            dtype=self.dtype,
        )
        time_width, last = self.time_width or 4 * self.widths[0], len(self.widths) - 1
        waves = sinusoids(
            levels * self.timesteps,
            self.widths[0],
            cosine_first=self.cosine_first,
            shift=self.frequency_shift,
        )
        time = style.linear(time_width, "time_1")(waves.astype(self.dtype))
        time = style.linear(time_width, "time_2")(nn.silu(time))
        if self.classes:
            time = time + nn.Embed(self.classes + 1, time_width, dtype=self.dtype, name="class")(condition)
        hidden = style.convolution(self.widths[0], "conv_in")(2 * images - 1 if self.centred else images)
        kept = [hidden]
        for index, (width, attention) in enumerate(zip(self.widths, self.down_attention, strict=True)):
            kept += Down(width, self.layers, attention, index == last, style, name=f"down_{index}")(kept[-1], time)
        hidden = Middle(self.middle_attention, style, self.middle_divisor, name="middle")(kept[-1], time)
        for index, (width, attention) in enumerate(zip(self.widths[::-1], self.up_attention, strict=True)):
            kept, skips = kept[: -self.layers - 1], tuple(kept[-self.layers - 1 :])
            hidden = Up(width, attention, index == last, style, name=f"up_{index}")(hidden, skips, time)
        made = style.convolution(self.channels, "conv_out", zero=True)(nn.silu(style.norm("norm_out")(hidden)))
        return made.astype(jnp.float32)


def sinusoids(times: Float[Array, " n"], width: int, *, cosine_first: bool, shift: float) -> Float[Array, "n {width}"]:
    """Embeds times as sines and cosines of frequencies from 1 down to LOWEST. (Vaswani et al. 2017, section 3.5)

    Args:
        times: of any range; DDPM's are its steps.
        width: length of the vectors; of an odd one the last value is 0.
        cosine_first: cosines before sines.
        shift: how many frequencies before its end the series reaches LOWEST: 0 stops just short of it, 1 reaches it.
    """
    half = width // 2
    # exp(-ln(10000) i / (half - shift))
    frequencies = jnp.exp(math.log(LOWEST) * jnp.arange(half, dtype=jnp.float32) / (half - shift))
    angles = times[:, None].astype(jnp.float32) * frequencies[None]
    waves = [jnp.cos(angles), jnp.sin(angles)] if cosine_first else [jnp.sin(angles), jnp.cos(angles)]
    return jnp.pad(jnp.concatenate(waves, axis=-1), ((0, 0), (0, width % 2)))
