"""LeCam regularisation of a critic that sees few images. (Tseng et al. 2021)"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from genjax.losses.shapes import same_shape


def lecam(
    real_logits: Float[Array, " n"],
    fake_logits: Float[Array, " n"],
    *,
    real_anchor: Float[Array, ""] | float,
    fake_anchor: Float[Array, ""] | float,
) -> Float[Array, " n"]:
    """Penalises logits that leave the other side's average: eq. 3 as the authors implement it, unweighted.

    It is small while the logits of real and generated images stay close. So it keeps a critic that sees few images from
    separating them with ever more certainty.

    Args:
        real_logits: logits of real images (n,).
        fake_logits: logits of generated images (n,).
        real_anchor: moving average a_R of the mean logit of real images.
        fake_anchor: moving average a_F of the mean logit of generated images.
    Returns:
        Penalty per pair (n,), at least 0.
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    # max(0, D(x) - a_F)^2 + max(0, a_R - D(G(z)))^2
    above = jax.nn.relu(real_logits - fake_anchor)
    below = jax.nn.relu(real_anchor - fake_logits)
    return jnp.square(above) + jnp.square(below)  # the step multiplies by lambda
