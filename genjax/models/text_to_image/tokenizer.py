"""The network of both discrete autoencoders: an encoder to a grid of features, a codebook, a decoder to an image.

A VQ-VAE compares the features, as vectors, with the codes (van den Oord et al. 2017); a discrete VAE takes them as
logits of the codes (Ramesh et al. 2021).
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from genjax.models.layers import DownConv, UpConv
from genjax.models.stacks import group_norm


class Residual(nn.Module):
    """A residual block: a 3x3 convolution and a dense layer, added to the input. Parameters: `norm`, `conv`, `out`."""

    dtype: DTypeLike

    @nn.compact
    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Applies the block. (He et al. 2016)"""
        channels = features.shape[-1]
        # x + W2 relu(W1 relu(norm(x))), with half of the channels inside
        hidden = nn.relu(group_norm(features, dtype=self.dtype, name="norm"))
        hidden = nn.relu(nn.Conv(channels // 2, (3, 3), dtype=self.dtype, name="conv")(hidden))
        return features + nn.Dense(channels, dtype=self.dtype, name="out")(hidden)


class Encoder(nn.Module):
    """Maps images to features at each place of the grid.

    Parameters: `down_{size/2}`, ..., `down_{grid}`, `block_0`, ..., `norm`, `head`.
    """

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
        """Computes vectors or logits, float32, from images in [-1, 1]."""
        features = images.astype(self.dtype)
        # Halvings from the image's size to the grid, then blocks on the grid
        for resolution in reversed(resolutions(self.size, self.grid)[:-1]):
            channels = channels_at(resolution, self.size, self.width)
            features = nn.relu(DownConv(channels, dtype=self.dtype, name=f"down_{resolution}")(features))
        for index in range(self.depth):
            features = Residual(self.dtype, name=f"block_{index}")(features)
        features = nn.relu(group_norm(features, dtype=self.dtype, name="norm"))
        return nn.Dense(self.outputs, dtype=self.dtype, name="head")(features).astype(jnp.float32)


class Decoder(nn.Module):
    """Maps codes at each place of the grid to an image.

    Parameters: `stem`, `block_0`, ..., `norm_{grid}`, `up_{2 grid}`, ...
    """

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
        """Computes the parameters of the likelihood, unbounded, float32."""
        channels = channels_at(self.grid, self.size, self.width)
        # The mirror image of the encoder: blocks on the grid, then doublings
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
    """The whole autoencoder. Parameters: those below `encoder` and `decoder`, and `codebook` (codes, code_size)."""

    size: int = 32
    grid: int = 8
    channels: int = 3
    codes: int = 256
    code_size: int = 32
    width: int = 64
    depth: int = 2
    encoded: int = 32  # outputs of the encoder at each place: code_size for vectors, codes for logits
    decoded: int = 3  # outputs of the decoder at each pixel: channels times parameters of the likelihood
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds the parts, which `encode` and `decode` use alone."""
        self.encoder = Encoder(self.size, self.grid, self.width, self.depth, self.encoded, self.dtype)
        self.decoder = Decoder(self.size, self.grid, self.decoded, self.width, self.depth, self.dtype)
        self.codebook = self.param("codebook", nn.initializers.normal(1.0), (self.codes, self.code_size))

    def encode(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.grid} {self.grid} {self.encoded}"]:
        """Computes the vector or logits of each place."""
        return self.encoder(images)

    def decode(
        self, vectors: Float[Array, "n {self.grid} {self.grid} {self.code_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """Computes the parameters of p(x|z) from vectors that are codes or mixtures of codes."""
        return self.decoder(vectors)

    def decode_tokens(self, tokens: Int[Array, "n places"]) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """Computes the parameters of p(x|z) from indices of codes, row by row of the grid."""
        # (n, places) to (n, grid, grid, code_size)
        return self.decode(self.codebook[tokens].reshape(-1, self.grid, self.grid, self.code_size))

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} {self.channels}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.decoded}"]:
        """Applies every part, so that `init` creates all parameters; training uses the parts instead."""
        # Any valid tokens do: the largest feature of each place, (n, grid, grid) to (n, places)
        tokens = self.encode(images).argmax(axis=-1).reshape(len(images), -1) % self.codes
        return self.decode_tokens(tokens)


def resolutions(size: int, grid: int) -> list[int]:
    """Lists the resolutions from grid to image: grid, 2 grid, ..., size."""
    return [grid << doubling for doubling in range((size // grid).bit_length())]


def channels_at(resolution: int, size: int, width: int) -> int:
    """Computes the number of channels: `width` at half the image's size, doubled at each halving."""
    return width * (size // (2 * resolution))
