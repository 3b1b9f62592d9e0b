"""EfficientNet-Lite0 up to its pooled features, an extractor for FD and KD. (Tan and Le 2019, Lite form of 2020)

It has inverted bottlenecks without squeeze-and-excite, with ReLU6. Every batch norm is folded into the convolution
before it, since the network is never trained here.
"""

from typing import NamedTuple

import jax
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

SIZE = 224  # height and width of the images that it was trained on
DIM = 1280


class Stage(NamedTuple):
    """A row of blocks with one number of output channels; only the first block has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    features: int


STAGES = (  # B0's table (Tan and Le 2019, table 1), which the Lite form keeps
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Maps images to 1280 features.

    Parameters: `stem`, `block_0`, ..., `block_15` (each with `expand`, `depthwise` and `project`; the first has no
    `expand`), `head`, each a kernel and a bias.
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n 1280"]:
        """Computes features of images that are normalised as in training: (levels - 127) / 128."""
        hidden = jax.nn.relu6(_convolve(images, 32, 3, "stem", stride=2))  # 224 x 224 to 112 x 112
        strides = [(stage, stage.stride if i == 0 else 1) for stage in STAGES for i in range(stage.blocks)]
        for number, (stage, stride) in enumerate(strides):
            hidden = Bottleneck(stage, stride, name=f"block_{number}")(hidden)
        return jax.nn.relu6(_convolve(hidden, DIM, 1, "head")).mean(axis=(1, 2))  # (n, 7, 7, 1280) to (n, 1280)


class Bottleneck(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow; added to its input if the shapes are equal.

    Parameters: `expand` (unless the expansion is 1), `depthwise`, `project`.
    """

    stage: Stage
    stride: int

    @nn.compact
    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        """Computes images of `stage.features` channels, smaller by the stride."""
        wide = images.shape[-1] * self.stage.expansion
        hidden = images if self.stage.expansion == 1 else jax.nn.relu6(_convolve(images, wide, 1, "expand"))
        depthwise = _convolve(hidden, wide, self.stage.kernel, "depthwise", stride=self.stride, groups=wide)
        narrow = _convolve(jax.nn.relu6(depthwise), self.stage.features, 1, "project")  # linear: no ReLU6 after it
        return images + narrow if images.shape == narrow.shape else narrow


def _convolve(images: Array, features: int, kernel: int, name: str, *, stride: int = 1, groups: int = 1) -> Array:
    # The padding of TensorFlow, where the weights come from: at stride 2 more at the bottom and right.
    convolution = nn.Conv(
        features,
        (kernel, kernel),
        (stride, stride),
        padding="SAME",
        feature_group_count=groups,
        precision=lax.Precision.HIGHEST,
        name=name,
    )
    return convolution(images)
