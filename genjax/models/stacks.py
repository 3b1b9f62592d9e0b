"""The convolutional stacks that GANs and VAEs share: latents up to an image, and an image down to features.

They are functions to be called inside the compact method of a module, whose parameters they create under explicit
names.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.typing import DTypeLike

from genjax.models.layers import DownConv, UpConv

SMALLEST = 4  # resolution at which `upsample` starts and `downsample` ends


def resolutions(size: int) -> list[int]:
    """Lists the resolutions of a stack: 4, 8, ..., size."""
    return [SMALLEST << doubling for doubling in range((size // SMALLEST).bit_length())]


def features_at(resolution: int, *, size: int, width: int) -> int:
    """Computes the number of features: `width` at half the image's size, doubled at each halving up to 8 * `width`.

    (Radford et al. 2016, figure 1)
    """
    return width * min(8, size // (2 * resolution))


def upsample(latents: Array, *, size: int, channels: int, width: int, dtype: DTypeLike) -> Array:
    """Maps latents to images: a dense stem at 4x4, then normalisation, ReLU and a doubling convolution per resolution.

    Parameters: `stem`, then `norm_4`, `up_8`, `norm_8`, ..., and the last `up_{size}`, which makes the image.

    Args:
        latents: latents (n, latent_size).
        size: height and width of the images, a power of two.
        channels: channels of the images.
        width: features at half the image's size, see `features_at`.
        dtype: compute dtype.
    Returns:
        Images (n, size, size, channels), unbounded, float32.
    """
    features = features_at(SMALLEST, size=size, width=width)
    images = nn.Dense(SMALLEST**2 * features, dtype=dtype, name="stem")(latents.astype(dtype))
    images = images.reshape(-1, SMALLEST, SMALLEST, features)  # (n, 4, 4, features)
    for resolution in resolutions(size)[1:]:
        images = group_norm(images, dtype=dtype, name=f"norm_{resolution // 2}")
        features = channels if resolution == size else features_at(resolution, size=size, width=width)
        images = UpConv(features, dtype=dtype, name=f"up_{resolution}")(nn.relu(images))
    return images.astype(jnp.float32)


def downsample(images: Array, *, size: int, width: int, dtype: DTypeLike) -> Array:
    """Maps images to features: a halving convolution and a leaky ReLU for each resolution.

    Parameters: `down_{size/2}`, ..., `down_4`.

    Args:
        images: images (n, size, size, channels).
        size: height and width of the images, a power of two.
        width: features at half the image's size, see `features_at`.
        dtype: compute dtype.
    Returns:
        Features (n, 4, 4, d), in the compute dtype.
    """
    features = images.astype(dtype)
    for resolution in reversed(resolutions(size)[:-1]):
        convolution = DownConv(features_at(resolution, size=size, width=width), dtype=dtype, name=f"down_{resolution}")
        features = nn.leaky_relu(convolution(features), 0.2)  # slope from DCGAN
    return features


def with_class(vectors: Array, labels: Array | None, *, classes: int, length: int, dtype: DTypeLike) -> Array:
    """Appends to each vector a trained one of its class, of the scale of latents; without classes nothing.

    Parameters: `class`, a table (classes, length).

    Args:
        vectors: latents or features (n, d).
        labels: class of each, int (n,); None without classes.
        classes: number of classes; 0 is without.
        length: length of what is appended.
        dtype: compute dtype.
    Returns:
        Vectors (n, d + length).
    """
    if not classes:
        return vectors
    table = nn.Embed(classes, length, dtype=dtype, embedding_init=nn.initializers.normal(1.0), name="class")
    return jnp.concatenate([vectors.astype(dtype), table(given(labels))], axis=-1)


def given(labels: Array | None) -> Array:
    """Returns the labels of a network of classes.

    Raises:
        ValueError: there are none.
    """
    if labels is None:
        raise ValueError("a network of classes was applied without labels")
    return labels


def group_norm(features: Array, *, dtype: DTypeLike, name: str) -> Array:
    """Applies group normalisation with groups of 16 channels, of more where they do not divide. (Wu & He 2018)"""
    channels = features.shape[-1]
    groups = max(number for number in range(1, max(1, channels // 16) + 1) if channels % number == 0)
    return nn.GroupNorm(num_groups=groups, dtype=dtype, name=name)(features)
