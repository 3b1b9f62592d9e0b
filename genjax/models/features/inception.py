"""The Inception network of the published FID, up to its pooled features. (Szegedy et al. 2015, Heusel et al. 2017)

It follows TensorFlow's file of 2015-12-05 in two details: average pools do not count padding, and the last block has a
maximum where the paper has an average. Every batch norm is folded into the convolution before it, since the network is
never trained here. Names are those of the weights file.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

SIZE = 299  # height and width of its input
DIM = 2048
Kernel = tuple[int, int]
ONE, THREE, FIVE, WIDE, TALL = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


class Inception(nn.Module):
    """Maps images to 2048 features.

    Parameters: `Conv2d_1a_3x3`, ..., `Mixed_5b/branch1x1`, ..., each a kernel and a bias: 94 convolutions.
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n 299 299 3"]) -> Float[Array, "n 2048"]:
        """Computes features of images that are normalised as in training: (levels - 128) / 128."""
        # The stem: 299 x 299 x 3 to 35 x 35 x 192
        hidden = _convolve(images, 32, THREE, "Conv2d_1a_3x3", stride=2)
        hidden = _convolve(hidden, 32, THREE, "Conv2d_2a_3x3", padding="VALID")
        hidden = _convolve(hidden, 64, THREE, "Conv2d_2b_3x3")
        hidden = _convolve(_shrink(hidden), 80, ONE, "Conv2d_3b_1x1")
        hidden = _shrink(_convolve(hidden, 192, THREE, "Conv2d_4a_3x3", padding="VALID"))
        for letter, pooled in (("b", 32), ("c", 64), ("d", 64)):
            hidden = BlockA(pooled, name=f"Mixed_5{letter}")(hidden)
        hidden = BlockB(name="Mixed_6a")(hidden)  # to 17 x 17 x 768
        for letter, narrow in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            hidden = BlockC(narrow, name=f"Mixed_6{letter}")(hidden)
        hidden = BlockD(name="Mixed_7a")(hidden)  # to 8 x 8 x 1280
        hidden = BlockE(maximum=False, name="Mixed_7b")(hidden)
        hidden = BlockE(maximum=True, name="Mixed_7c")(hidden)
        return hidden.mean(axis=(1, 2))  # (n, 8, 8, 2048) to (n, 2048)


class BlockA(nn.Module):
    """A block at 35 x 35 with four branches: 1 x 1, 5 x 5, two 3 x 3, and pooling.

    Parameters: `branch1x1`, `branch5x5_1`, ..., `branch_pool`.
    """

    pooled: int  # channels of the pooled branch

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c2"]:
        """Concatenates the four branches."""
        one = _convolve(images, 64, ONE, "branch1x1")
        five = _chain(images, "branch5x5", (48, ONE), (64, FIVE))
        three = _chain(images, "branch3x3dbl", (64, ONE), (96, THREE), (96, THREE))
        return jnp.concatenate([one, five, three, _convolve(_average(images), self.pooled, ONE, "branch_pool")], -1)


class BlockB(nn.Module):
    """A block that reduces 35 x 35 to 17 x 17.

    Parameters: `branch3x3`, `branch3x3dbl_1`, ....
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        """Concatenates two branches and a maximum."""
        three = _convolve(images, 384, THREE, "branch3x3", stride=2)
        twice = _chain(images, "branch3x3dbl", (64, ONE), (96, THREE))
        return jnp.concatenate([three, _convolve(twice, 96, THREE, "branch3x3dbl_3", stride=2), _shrink(images)], -1)


class BlockC(nn.Module):
    """A block at 17 x 17 with four branches: 1 x 1, 7 x 7 and two 7 x 7 split into rows and columns, and pooling.

    Parameters: `branch1x1`, `branch7x7_1`, ..., `branch_pool`.
    """

    narrow: int  # channels inside the branches

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c2"]:
        """Concatenates the four branches."""
        c = self.narrow  # a 7 x 7 is a 1 x 7 and a 7 x 1, with 2/7 of the work
        one = _convolve(images, 192, ONE, "branch1x1")
        seven = _chain(images, "branch7x7", (c, ONE), (c, WIDE), (192, TALL))
        twice = _chain(images, "branch7x7dbl", (c, ONE), (c, TALL), (c, WIDE), (c, TALL), (192, WIDE))
        return jnp.concatenate([one, seven, twice, _convolve(_average(images), 192, ONE, "branch_pool")], -1)


class BlockD(nn.Module):
    """A block that reduces 17 x 17 to 8 x 8.

    Parameters: `branch3x3_1`, ..., `branch7x7x3_1`, ....
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        """Concatenates two branches and a maximum."""
        three = _convolve(_chain(images, "branch3x3", (192, ONE)), 320, THREE, "branch3x3_2", stride=2)
        seven = _chain(images, "branch7x7x3", (192, ONE), (192, WIDE), (192, TALL))
        return jnp.concatenate([three, _convolve(seven, 192, THREE, "branch7x7x3_4", stride=2), _shrink(images)], -1)


class BlockE(nn.Module):
    """A block at 8 x 8: 1 x 1, 3 x 3 and two 3 x 3, whose last is split into rows beside columns, and pooling.

    Parameters: `branch1x1`, `branch3x3_1`, ..., `branch_pool`.
    """

    maximum: bool  # True pools by the maximum, False by the average

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c2"]:
        """Concatenates the six branches."""
        one = _convolve(images, 320, ONE, "branch1x1")
        three = _convolve(images, 384, ONE, "branch3x3_1")
        twice = _chain(images, "branch3x3dbl", (448, ONE), (384, THREE))
        crosses = [
            _convolve(hidden, 384, kernel, f"{name}{side}")
            for hidden, name in ((three, "branch3x3_2"), (twice, "branch3x3dbl_3"))
            for side, kernel in (("a", (1, 3)), ("b", (3, 1)))
        ]
        near = nn.max_pool(images, THREE, ONE, "SAME") if self.maximum else _average(images)
        return jnp.concatenate([one, *crosses, _convolve(near, 192, ONE, "branch_pool")], -1)


def _chain(images: Array, name: str, *layers: tuple[int, Kernel]) -> Array:
    """Applies convolutions `name_1`, `name_2`, ... in turn, each given as (features, kernel)."""
    for number, (features, kernel) in enumerate(layers, start=1):
        images = _convolve(images, features, kernel, f"{name}_{number}")
    return images


def _convolve(
    images: Array, features: int, kernel: Kernel, name: str, *, stride: int = 1, padding: str = "SAME"
) -> Array:
    """Applies a convolution and a ReLU; one with a stride has no padding."""
    convolution = nn.Conv(
        features,
        kernel,
        (stride, stride),
        padding="VALID" if stride > 1 else padding,
        precision=lax.Precision.HIGHEST,
        name=name,
    )
    return jax.nn.relu(convolution(images))


def _average(images: Array) -> Array:
    return nn.avg_pool(images, THREE, ONE, "SAME", count_include_pad=False)


def _shrink(images: Array) -> Array:
    return nn.max_pool(images, THREE, (2, 2), "VALID")
