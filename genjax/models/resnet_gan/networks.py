"""GANs of residual blocks: SNGAN (Miyato et al. 2018, 1802.05957) and BigGAN's form (Brock et al. 2019, 1809.11096).

The critic's kernels are normalised, see `spectral`. The generator has group normalisation in place of batch
normalisation: an image then depends on its own latents and class alone, the same in training and afterwards, and an
adaptation to ten images has no statistics to spoil. Every resolution has the same width. Classes scale and shift what
is normalised, each layer by a linear map of one vector a class; the critic is told by a projection. (Miyato & Koyama
2018)

BigGAN's form adds: normalised kernels in the generator too, attention at half the images' size in both networks, and
latents in parts, the first for the stem and one for each block, where they stand beside the class.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.group_norm import GroupNorm
from genjax.models.layers import resampled
from genjax.models.resnet_gan.spectral import Conv, Dense
from genjax.models.self_attention import SelfAttention
from genjax.models.stacks import SMALLEST, given, resolutions

CLASS_LENGTH = 128  # of a class's vector (Brock et al. 2019, appendix B)


class Generator(nn.Module):
    """Maps latents to images. Parameters: `stem`, `up_8`, ..., `up_{size}`, `norm`, `image`; `class`, `attention`."""

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without
    big: bool = False  # BigGAN's form

    @nn.compact
    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images in [-1, 1], float32, of these classes where there are some."""
        sizes = resolutions(self.size)[1:]
        first, *rest = parts_of(latents, 1 + len(sizes)) if self.big else (latents, *[None] * len(sizes))
        row = None
        if self.classes:
            table = nn.Embed(self.classes, CLASS_LENGTH, embedding_init=nn.initializers.normal(1.0), name="class")
            row = table(given(labels))
        hidden = Dense(SMALLEST**2 * self.width, self.big, dtype=self.dtype, name="stem")(first)
        hidden = hidden.reshape(-1, SMALLEST, SMALLEST, self.width)
        for resolution, part in zip(sizes, rest, strict=True):
            style = [vector for vector in (row, part) if vector is not None]
            style = jnp.concatenate(style, axis=-1) if style else None
            if self.big and resolution == self.size:
                hidden = attention(self.dtype)(hidden)
            hidden = UpBlock(self.width, self.big, self.dtype, name=f"up_{resolution}")(hidden, style)
        hidden = nn.relu(GroupNorm(self.dtype, name="norm")(hidden))
        return jnp.tanh(Conv(self.channels, self.big, 1.0, self.dtype, name="image")(hidden).astype(jnp.float32))


class Critic(nn.Module):
    """Maps images to one logit each, high for real.

    Parameters: `down_{size/2}`, ..., `down_4`, `block_4`, `head`; `attention`; `projection`, a table of the classes.
    """

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without
    big: bool = False  # with attention

    def setup(self) -> None:
        """Builds what follows the features apart, so that they can be computed without it."""
        self.block_4 = DownBlock(self.width, "", dtype=self.dtype)
        self.head = Dense(1, spectral=True, dtype=self.dtype)
        if self.classes:
            # At zero the critic begins as one without classes, and there is nothing to normalise: it is left as it is.
            self.projection = nn.Embed(self.classes, self.width, embedding_init=nn.initializers.zeros)

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 {self.width}"]:
        """Computes the features before the last block, in the compute dtype."""
        hidden = images.astype(self.dtype)
        for resolution in reversed(resolutions(self.size)[:-1]):
            first = resolution == self.size // 2
            hidden = DownBlock(self.width, "halve", not first, self.dtype, name=f"down_{resolution}")(hidden)
            if self.big and first:
                hidden = attention(self.dtype)(hidden)
        return hidden

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, " n"]:
        """Computes logits, float32, of sums over the 4x4 features that remain.

        Of classes they are f(x, y) = <e(y), phi(x)> + psi(phi(x)), psi the head, phi its input. (Miyato & Koyama 2018,
        eq. 3)
        """
        hidden = nn.relu(self.block_4(self.features(images))).sum(axis=(1, 2), dtype=jnp.float32)  # (n, 4, 4, d) to
        logits = self.head(hidden)[:, 0].astype(jnp.float32)  # (n, d), and to (n,)
        if self.classes:
            logits = logits + (self.projection(given(labels)) * hidden).sum(axis=-1)
        return logits


class UpBlock(nn.Module):
    """Doubles features: normalised, rectified, doubled, convolved; normalised, rectified, convolved; added to them.

    The shortcut's linear layer comes before its doubling, which is the same and takes a quarter of the time.
    Parameters: `norm_0`, `conv_0`, `norm_1`, `conv_1`, `skip`; `style_0`, `style_1` where there is a style.
    """

    features: int
    spectral: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], style: Float[Array, "n s"] | None = None
    ) -> Float[Array, "n 2*h 2*w {self.features}"]:
        """Applies the block, its normalised features scaled and shifted by linear maps of the style."""
        hidden = resampled(nn.relu(self._normed(images, style, 0)), "double")
        hidden = Conv(self.features, self.spectral, dtype=self.dtype, name="conv_0")(hidden)
        hidden = nn.relu(self._normed(hidden, style, 1))
        hidden = Conv(self.features, self.spectral, dtype=self.dtype, name="conv_1")(hidden)
        skip = Dense(self.features, self.spectral, dtype=self.dtype, name="skip")(images)
        return hidden + resampled(skip, "double")

    def _normed(self, images: Array, style: Array | None, index: int) -> Array:
        norm, c = GroupNorm(self.dtype, name=f"norm_{index}"), images.shape[-1]
        if style is None:
            return norm(images)
        # norm(x) (1 + g) + b (Brock et al. 2019, appendix B)
        both = Dense(2 * c, self.spectral, with_bias=False, dtype=self.dtype, name=f"style_{index}")(style)
        both = both.astype(jnp.float32)
        return norm(images, both[:, :c], both[:, c:])


class DownBlock(nn.Module):
    """Two convolutions, added to a shortcut, and both halved if wanted: (n, h, w, c) -> (n, h/2, w/2, features).

    The shortcut is halved before its linear layer, which is the same and takes a quarter of the time. Where neither
    width nor size changes, it is the input itself. Parameters: `conv_0`, `conv_1`, `skip`.
    """

    features: int
    resample: str  # "halve", or "" to leave the size
    rectified: bool = True  # begin by a ReLU, as all blocks but the one next to the image do
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n _ _ {self.features}"]:
        """Applies the block."""
        hidden = nn.relu(images) if self.rectified else images
        hidden = nn.relu(Conv(self.features, spectral=True, dtype=self.dtype, name="conv_0")(hidden))
        hidden = Conv(self.features, spectral=True, dtype=self.dtype, name="conv_1")(hidden)
        skip = resampled(images, self.resample)
        if self.resample:
            skip = Dense(self.features, spectral=True, dtype=self.dtype, name="skip")(skip)
        return resampled(hidden, self.resample) + skip


def attention(dtype: DTypeLike) -> SelfAttention:
    """Makes the attention of either network, its kernels normalised."""
    return SelfAttention(
        lambda features, name: Dense(features, spectral=True, with_bias=False, dtype=dtype, name=name), name="attention"
    )


def parts_of(latents: Float[Array, "n d"], parts: int) -> list[Array]:
    """Splits latents into parts of equal length, the first ones longer by one where it does not divide."""
    cuts = np.cumsum([len(part) for part in np.array_split(np.arange(latents.shape[1]), parts)])
    return jnp.split(latents, cuts[:-1].tolist(), axis=1)
