"""The uncertainty of a loss as a function of the noise level, which weighs it while a flow is trained.

(Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion models", appendix B)
"""

import math
from statistics import NormalDist

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

FEATURES = 128  # waves of a level, as in EDM2
GOLDEN = (5**0.5 - 1) / 2  # its multiples spread evenly over [0, 1), whatever their number


class Uncertainty(nn.Module):
    """Maps noise levels to u, the logarithm of the loss that is expected there; 0 at first. Parameters: `head`.

    A linear layer of Fourier features without a bias: slow waves among them are as good as constant.
    """

    features: int = FEATURES

    @nn.compact
    def __call__(self, levels: Float[Array, " n"]) -> Float[Array, " n"]:
        """Computes u, float32, of levels as the process gives them: about -2 to 2."""
        zero = nn.initializers.zeros
        return nn.Dense(1, use_bias=False, kernel_init=zero, name="head")(fourier_features(levels, self.features))[:, 0]


def fourier_features(levels: Float[Array, " n"], features: int) -> Float[Array, "n {features}"]:
    """Computes sqrt(2) cos(2 pi (f c + p)), of unit variance. (EDM2, appendix B.1)

    The frequencies f are those of a standard normal and the phases p uniform, as in the paper, but spread evenly and
    not drawn: nothing needs to be kept of them.
    """
    frequencies = np.array([NormalDist().inv_cdf((place + 0.5) / features) for place in range(features)], np.float32)
    phases = (np.arange(features) * GOLDEN % 1).astype(np.float32)
    turns = levels[:, None].astype(jnp.float32) * frequencies[None] + phases[None]
    return math.sqrt(2) * jnp.cos(2 * math.pi * turns)
