"""LeCam regularisation: holds the critic's logits near what they have been on the other side. (Tseng et al. 2021)"""

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
    """max(0, D(x) - a_F)^2 + max(0, a_R - D(G(z)))^2, as the authors implement eq. 3. Unweighted.

    It is small while the logits of real and generated images stay close, and so keeps a critic that sees few images
    from telling them apart with ever more certainty.

    Args:
        real_logits: (n,).
        fake_logits: (n,).
        real_anchor: a_R, moving average of the mean logit of real images.
        fake_anchor: a_F, of generated ones.
    Returns:
        (n,), at least 0.
    """
    same_shape(real_logits=real_logits, fake_logits=fake_logits)
    above = jax.nn.relu(real_logits - fake_anchor)
    below = jax.nn.relu(real_anchor - fake_logits)
    return jnp.square(above) + jnp.square(below)
