"""An image as a grid of tokens: an encoder to a feature at each place, a codebook, a decoder from codes to an image.

The two discrete autoencoders share it: a VQ-VAE reads the encoder's features as vectors to be compared with the codes
(van den Oord et al. 2017), a discrete VAE as logits of the codes (Ramesh et al. 2021).
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from genjax.models.layers import DownConv, UpConv
from genjax.models.stacks import group_norm


class Residual(nn.Module):
    """Adds what a 3x3 convolution and a dense layer make of the features. Parameters: `norm`, `conv`, `out`."""

    dtype: DTypeLike

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """The features after the block. (He et al. 2016)"""
        channels = features.shape[-1]
        hidden = nn.relu(group_norm(features, dtype=self.dtype, name="norm"))
        hidden = nn.relu(nn.Conv(channels // 2, (3, 3), dtype=self.dtype, name="conv")(hidden))
        return features + nn.Dense(channels, dtype=self.dtype, name="out")(hidden)


class Encoder(nn.Module):
    """Images to features at each place. Parameters: `down_{size/2}`, ..., `down_{grid}`, `block_0`, ..., `head`."""

    size: int
    grid: int
    width: int
    depth: int
    outputs: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"]
    ) -> Float[Array, "n {self.grid} {self.grid} {self.outputs}"]:
        """Vectors or logits, float32."""
        features = images.astype(self.dtype)
        for resolution in reversed(resolutions(self.size, self.grid)[:-1]):
            channels = channels_at(resolution, self.size, self.width)
            features = nn.relu(DownConv(channels, dtype=self.dtype, name=f"down_{resolution}")(features))
        for index in range(self.depth):
            features = Residual(self.dtype, name=f"block_{index}")(features)
        features = nn.relu(group_norm(features, dtype=self.dtype, name="norm"))
        return nn.Dense(self.outputs, dtype=self.dtype, name="head")(features).astype(jnp.float32)


class Decoder(nn.Module):
    """Codes at each place to an image. Parameters: `stem`, `block_0`, ..., `norm_{grid}`, `up_{2 grid}`, ..."""

    size: int
    grid: int
    channels: int
    width: int
    depth: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, vectors: Float[Array, "n {self.grid} {self.grid} d"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Unbounded values, float32, as the likelihood reads them."""
        channels = channels_at(self.grid, self.size, self.width)
        features = nn.Dense(channels, dtype=self.dtype, name="stem")(vectors.astype(self.dtype))
        for index in range(self.depth):
            features = Residual(self.dtype, name=f"block_{index}")(features)
        for resolution in resolutions(self.size, self.grid)[1:]:
            features = nn.relu(group_norm(features, dtype=self.dtype, name=f"norm_{resolution // 2}"))
            last = resolution == self.size
            channels = self.channels if last else channels_at(resolution, self.size, self.width)
            features = UpConv(channels, dtype=self.dtype, name=f"up_{resolution}")(features)
        return features.astype(jnp.float32)


class Tokenizer(nn.Module):
    """Encoder and decoder under these names, and the vectors of the codes as `codebook` (codes, code_size)."""

    size: int = 32
    grid: int = 8
    channels: int = 3
    codes: int = 256
    code_size: int = 32
    width: int = 64
    depth: int = 2
    encoded: int = 32  # numbers at each place that the encoder gives: code_size for vectors, codes for logits
    decoded: int = 3  # values of each pixel that the decoder gives: the channels, for each parameter of the likelihood
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """The parts, usable alone as `encode` and `decode`."""
        self.encoder = Encoder(self.size, self.grid, self.width, self.depth, self.encoded, self.dtype)
        self.decoder = Decoder(self.size, self.grid, self.decoded, self.width, self.depth, self.dtype)
        self.codebook = self.param("codebook", nn.initializers.normal(1.0), (self.codes, self.code_size))

    def encode(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.grid} {self.grid} {self.encoded}"]:
        """Vectors or logits of each place."""
        return self.encoder(images)

    def decode(
        self, vectors: Float[Array, "n {self.grid} {self.grid} {self.code_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """The parameters of p(x|z), of vectors that are codes or mixtures of them."""
        return self.decoder(vectors)

    def decode_tokens(self, tokens: Int[Array, "n places"]) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """The parameters of p(x|z), of the codes of these numbers, row by row of the grid."""
        return self.decode(self.codebook[tokens].reshape(-1, self.grid, self.grid, self.code_size))

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """Touches every part, to initialise them: the image of the codes at the largest features."""
        tokens = self.encode(images).argmax(axis=-1).reshape(len(images), -1) % self.codes
        return self.decode_tokens(tokens)


def resolutions(size: int, grid: int) -> list[int]:
    """grid, 2 grid, ..., size."""
    return [grid << doubling for doubling in range((size // grid).bit_length())]


def channels_at(resolution: int, size: int, width: int) -> int:
    """`width` at half of the image's resolution, twice as many at each halving."""
    return width * (size // (2 * resolution))
