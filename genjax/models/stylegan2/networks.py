"""StyleGAN2: a generator steered by a style in each layer, and a residual critic. (Karras et al. 2020a, 1912.04958)

Latents are mapped to a vector w, and each layer scales its inputs by a style, an affine function of w. To keep w near
its mean (`truncated`) or to take it from two images (`mixed`), apply `mapping` and `synthesis` one after the other.

All layers have equalised learning rates, see `equalised`. Every resolution has the same width. Nothing bounds the
images: they come to lie in [-1, 1] because those of the training set do.
"""

import math
from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from genjax.models.layers import LAYOUT, minibatch_deviation
from genjax.models.stacks import SMALLEST, given, resolutions
from genjax.models.stylegan2.equalised import EqualConv, EqualDense, bias, equalised_kernel, normal_matrix, per_pixel
from genjax.models.stylegan2.fir import downsampled, upsampled

MAPPING_RATE = 0.01  # factor of the mapping's learning rate (Karras et al. 2019, appendix C)
EPSILON = 1e-8


class Generator(nn.Module):
    """Maps latents to images, each resolution adding to the doubled image of the one before. (section 4.1)

    Parameters: `constant`, the features at 4x4; `mapping_0`, ...; `conv_4`, `image_4`, then `up_8`, `conv_8`,
    `image_8`, ...; `class` where there are classes. Convolutions hold `style`, `kernel`, `bias`; `noise` if wanted.
    """

    size: int = 16
    channels: int = 1
    width: int = 64
    latent_size: int = 64  # of w as well
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without
    mapping_layers: int = 2
    noise: bool = False  # add to each convolution a fixed noise, of a strength that is trained and begins at 0

    def setup(self) -> None:
        """Builds the layers by name, so that mapping and synthesis can be computed apart."""
        if self.classes:
            setattr(self, "class", nn.Embed(self.classes, self.latent_size, embedding_init=nn.initializers.normal(1.0)))
        for index in range(self.mapping_layers):
            setattr(self, f"mapping_{index}", EqualDense(self.latent_size, rate=MAPPING_RATE))
        self.constant = self.param("constant", normal_matrix(1.0), (SMALLEST, SMALLEST, self.width))
        convolution = partial(StyledConv, self.width, noise=self.noise, dtype=self.dtype)
        self.conv_4, self.image_4 = convolution(), ToImage(self.channels, self.dtype)
        for resolution in resolutions(self.size)[1:]:
            setattr(self, f"up_{resolution}", convolution(double=True))
            setattr(self, f"conv_{resolution}", convolution())
            setattr(self, f"image_{resolution}", ToImage(self.channels, self.dtype))

    @property
    def layers(self) -> int:
        """The number of vectors w that `synthesis` takes: two for each resolution."""
        return 2 * len(resolutions(self.size))

    def __call__(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images, float32, of these classes where there are some."""
        w = self.mapping(latents, labels)
        return self.synthesis(jnp.repeat(w[:, None], self.layers, axis=1))

    def mapping(
        self, latents: Float[Array, "n {self.latent_size}"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, "n {self.latent_size}"]:
        """Maps latents to w, float32. A class is a trained vector beside the latents, each of the two normalised."""
        hidden = normalised(latents.astype(jnp.float32))
        if self.classes:
            row = getattr(self, "class")(given(labels))
            hidden = jnp.concatenate([hidden, normalised(row)], axis=-1)
        for index in range(self.mapping_layers):
            hidden = activated(getattr(self, f"mapping_{index}")(hidden))
        return hidden

    def synthesis(
        self, ws: Float[Array, "n {self.layers} {self.latent_size}"]
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Generates images of vectors w, one for each layer.

        The i-th resolution reads w of layer 2i - 1 in `up`, of 2i in `conv` and of 2i + 1 in `image`, which therefore
        shares its w with the next `up`.
        """
        features = jnp.repeat(self.constant[None].astype(self.dtype), len(ws), axis=0)
        features = self.conv_4(features, ws[:, 0])
        images = self.image_4(features, ws[:, 1])
        for index, resolution in enumerate(resolutions(self.size)[1:], start=1):
            features = getattr(self, f"up_{resolution}")(features, ws[:, 2 * index - 1])
            features = getattr(self, f"conv_{resolution}")(features, ws[:, 2 * index])
            images = upsampled(images) + getattr(self, f"image_{resolution}")(features, ws[:, 2 * index + 1])
        return images


def truncated(
    w: Float[Array, "*n d"], center: Float[Array, " d"], psi: float | Float[Array, ""]
) -> Float[Array, "*n d"]:
    """Draws vectors w towards their mean: psi 1 leaves them, 0 gives the mean. (Karras et al. 2019, appendix B)"""
    center = jnp.broadcast_to(center, w.shape)
    return center + psi * (w - center)


def mixed(
    first: Float[Array, "n d"], second: Float[Array, "n d"], cut: int | Int[Array, ""] | Int[Array, " n"], layers: int
) -> Float[Array, "n {layers} d"]:
    """Mixes the styles of two images: w of the first for layers before the cut, of the second from it on.

    Args:
        first: vectors w (n, d) of the coarse layers.
        second: vectors w (n, d) of the fine ones.
        cut: layer from which the second serves, in [0, layers], one or one for each image.
        layers: number of layers, that of the generator.
    Returns:
        Vectors w (n, layers, d).
    """
    cuts = jnp.broadcast_to(jnp.asarray(cut), (len(first),))
    coarse = jnp.arange(layers)[None] < cuts[:, None]  # (n, layers)
    return jnp.where(coarse[:, :, None], first[:, None], second[:, None])


class Critic(nn.Module):
    """Maps images to one logit each, high for real, by residual blocks. (section 4.1)

    Parameters: `image`; `down_{size/2}`, ..., `down_4`, each `conv_0`, `conv_1`, `skip`; then `conv_4`, `dense`,
    `head`; `projection`, a table of the classes, where there are some.
    """

    size: int = 16
    width: int = 64
    dtype: DTypeLike = jnp.float32
    classes: int = 0  # 0 is without

    def setup(self) -> None:
        """Builds what follows the features apart, so that they can be computed without it."""
        self.conv_4 = EqualConv(self.width, self.dtype)
        self.dense = EqualDense(self.width, dtype=self.dtype)
        self.head = EqualDense(1, dtype=self.dtype)
        if self.classes:
            # At zero the critic begins as one without classes; its slope there is that of the features.
            self.projection = nn.Embed(self.classes, self.width, embedding_init=nn.initializers.zeros)

    @nn.compact
    def features(self, images: Float[Array, "n {self.size} {self.size} c"]) -> Float[Array, "n 4 4 {self.width}"]:
        """Computes the features before the minibatch deviation, in the compute dtype."""
        hidden = activated(EqualDense(self.width, dtype=self.dtype, name="image")(images))
        for resolution in reversed(resolutions(self.size)[:-1]):
            hidden = ResidualDown(self.width, self.dtype, name=f"down_{resolution}")(hidden)
        return hidden

    def __call__(
        self, images: Float[Array, "n {self.size} {self.size} c"], labels: Int[Array, " n"] | None = None
    ) -> Float[Array, " n"]:
        """Computes logits, float32. They depend on groups of four images: see `minibatch_deviation`.

        Of classes they are f(x, y) = <e(y), phi(x)> / sqrt(d) + psi(phi(x)), psi the head, phi its input of length d.
        (Miyato & Koyama 2018, eq. 3, scaled as in Karras et al. 2020b, 2006.06676, which has no psi)
        """
        hidden = activated(self.conv_4(minibatch_deviation(self.features(images))))
        hidden = activated(self.dense(hidden.reshape(len(hidden), -1)))  # (n, 16 d) to (n, d)
        logits = self.head(hidden)[:, 0].astype(jnp.float32)  # (n, 1) to (n,)
        if self.classes:
            projected = (self.projection(given(labels)) * hidden).sum(axis=-1, dtype=jnp.float32)
            logits = logits + projected / math.sqrt(self.width)
        return logits


class StyledConv(nn.Module):
    """A modulated 3x3 convolution, at double the size if wanted, then noise, bias and activation.

    To double, features are upsampled and then convolved. The paper's transposed convolution followed by the filter is
    the same function up to the border, since filter and kernel commute; but its gradient is slow on a CPU.
    """

    features: int
    double: bool = False
    noise: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], w: Float[Array, "n d"]
    ) -> Float[Array, "n _ _ {self.features}"]:
        """Convolves the features of each image in the style that its w gives."""
        kernel = equalised_kernel(self, (3, 3, images.shape[-1], self.features))
        style = EqualDense(images.shape[-1], initial_bias=1.0, name="style")(w)
        images = modulated_convolution(images.astype(self.dtype), kernel, style, double=self.double)
        if self.noise:
            strength = self.param("noise", nn.initializers.zeros, ())
            images = images + (strength * self._fixed_noise(images.shape[1])).astype(self.dtype)
        return activated(images + bias(self, self.features).astype(self.dtype)[None, None, None])

    def _fixed_noise(self, size: int) -> Array:  # drawn by the layer's name: a seed gives the same images again
        rng = np.random.default_rng(list((self.name or "").encode()))
        return jnp.asarray(rng.normal(size=(1, size, size, 1)), jnp.float32)


def modulated_convolution(
    images: Float[Array, "n h w c"],
    kernel: Float[Array, "3 3 c d"],
    style: Float[Array, "n c"],
    *,
    double: bool = False,
) -> Float[Array, "n _ _ d"]:
    """Convolves each image with a kernel whose inputs are scaled by its style and whose outputs have norm 1.

    The kernel of image n is W_ijk s_nj / sqrt(sum_ij (W_ijk s_nj)^2) with i the place, j the input, k the output.
    (eq. 1 and 3) Scaling inputs and outputs instead needs no convolution with a group for each image, which is slow.

    Args:
        images: features (n, h, w, c); their dtype is that of the convolution.
        kernel: kernel (3, 3, c, d), float32.
        style: scales (n, c), float32.
        double: upsample the images first.
    Returns:
        Features (n, h, w, d), or (n, 2h, 2w, d) doubled.
    """
    images = images * style.astype(images.dtype)[:, None, None]
    if double:
        images = upsampled(images)
    images = lax.conv_general_dilated(images, kernel.astype(images.dtype), (1, 1), "SAME", dimension_numbers=LAYOUT)
    # In full float32, also where a device rounds the factors of a product.
    squares = jnp.dot(style**2, (kernel**2).sum(axis=(0, 1)), precision=lax.Precision.HIGHEST)  # (n, d)
    return images * lax.rsqrt(squares + EPSILON).astype(images.dtype)[:, None, None]


class ToImage(nn.Module):
    """Maps features to the channels of an image by a modulated 1x1 convolution without demodulation, float32."""

    channels: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "n h w c"], w: Float[Array, "n d"]
    ) -> Float[Array, "n h w {self.channels}"]:
        """Maps the features of each image in the style that its w gives."""
        c = images.shape[-1]
        kernel = self.param("kernel", normal_matrix(1.0), (c, self.channels))
        style = EqualDense(c, initial_bias=1.0, name="style")(w) / math.sqrt(c)
        images = images * style.astype(images.dtype)[:, None, None]
        made = per_pixel(images, kernel.astype(images.dtype)).astype(jnp.float32)
        return made + bias(self, self.channels)[None, None, None]


class ResidualDown(nn.Module):
    """Two 3x3 convolutions and a halving, added to a halved shortcut: (n, h, w, c) -> (n, h/2, w/2, features)."""

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h//2 w//2 {self.features}"]:
        """Applies the block. The sum is divided by sqrt(2) to keep its variance. (section 4.1)"""
        hidden = activated(EqualConv(self.features, self.dtype, name="conv_0")(images))
        hidden = activated(EqualConv(self.features, self.dtype, name="conv_1")(hidden))
        skip = EqualDense(self.features, with_bias=False, dtype=self.dtype, name="skip")(downsampled(images))
        return (downsampled(hidden) + skip) * math.sqrt(0.5)


def activated(values: Array) -> Array:
    """Applies the leaky ReLU of slope 0.2, times sqrt(2) to keep the mean square."""
    return nn.leaky_relu(values, 0.2) * math.sqrt(2)


def normalised(vectors: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Divides each vector by the root of its mean square."""
    return vectors * lax.rsqrt(jnp.square(vectors).mean(axis=-1, keepdims=True) + EPSILON)
