"""Losses of "Improved techniques for training GANs". (Salimans et al. 2016)

Feature matching and historical averaging steady the game of critic and generator; a critic with a logit for each class
learns of labelled and unlabelled images at once. Label smoothing is `adversarial.smoothed`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from genjax.losses.shapes import same_shape


def feature_matching(real: Float[Array, "n *d"], fake: Float[Array, "n *d"]) -> Float[Array, ""]:
    """Computes |mean f(x) - mean f(G(z))|^2, summed over the features. (section 3.1)

    Unlike the other losses it is one number of the whole batch, as it compares means. Of a batch in parts each part
    compares its own. The authors' code has the mean absolute difference instead.

    Args:
        real: the critic's features of real images (n, ...).
        fake: features of generated images (n, ...).
    """
    same_shape(real=real, fake=fake)
    apart = real.astype(jnp.float32).mean(axis=0) - fake.astype(jnp.float32).mean(axis=0)
    return jnp.square(apart).sum()


def historical_average(params: PyTree[Array], mean: PyTree[Array]) -> Float[Array, ""]:
    """Computes |theta - mean theta|^2 over all parameters, which damps orbits around an equilibrium. (section 3.3)

    Args:
        params: parameters.
        mean: mean of their past; a moving average serves, which old values leave in time.
    """
    squares = jax.tree.map(lambda now, past: jnp.square(now - jax.lax.stop_gradient(past)).sum(), params, mean)
    return jnp.asarray(sum(jax.tree.leaves(squares)), jnp.float32)


def real_logit(logits: Float[Array, "n k"]) -> Float[Array, " n"]:
    """Computes log sum_k exp l_k: the logit of D(x) = Z / (Z + 1), Z = sum_k exp l_k. (section 5)

    The class "generated" has the logit 0, which takes nothing away: adding one number to all logits changes no softmax.

    Args:
        logits: a logit for each class (n, k).
    Returns:
        Logits of "real" (n,), for any adversarial loss.
    """
    return jax.nn.logsumexp(logits, axis=-1)


def semi_supervised_critic(
    labelled: Float[Array, "n k"],
    labels: Int[Array, " n"],
    unlabelled: Float[Array, "n k"],
    fake: Float[Array, "n k"],
) -> Float[Array, " n"]:
    """Computes the loss of a critic that also classifies: supervised + unsupervised part. (section 5)

    `-log p(y | x, real) + (-log D(x') - log(1 - D(G(z)))) / 2`, the halves as in the authors' code.

    Args:
        labelled: logits of labelled images (n, k).
        labels: their classes, in [0, k), (n,).
        unlabelled: logits of real images without labels (n, k).
        fake: logits of generated images (n, k).
    Returns:
        Nats per triple of images (n,).
    """
    same_shape(labelled=labelled, unlabelled=unlabelled, fake=fake)
    right = jnp.take_along_axis(labelled, labels[:, None], axis=-1)[:, 0]
    supervised = real_logit(labelled) - right  # cross-entropy among the k classes
    # -log D = softplus(-l), -log(1 - D) = softplus(l)
    unsupervised = jax.nn.softplus(-real_logit(unlabelled)) + jax.nn.softplus(real_logit(fake))
    return supervised + 0.5 * unsupervised
