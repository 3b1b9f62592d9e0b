"""The evidence lower bound and its parts, in nats per image: sums over latents and pixels, never over the batch."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from genjax.losses.shapes import same_shape


def gaussian_kl(mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]) -> Float[Array, " n"]:
    """KL(N(mean, variance) | N(0, I)), summed over the latents. (Kingma & Welling 2014, appendix B)

    Args:
        mean: (n, d).
        log_variance: natural logarithm of the variances, (n, d).
    Returns:
        Nats per image (n,), at least 0.
    """
    return gaussian_kl_per_latent(mean, log_variance).sum(axis=-1)


def gaussian_kl_per_latent(mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """The same, not summed: what each latent carries, in nats."""
    same_shape(mean=mean, log_variance=log_variance)
    # expm1: near the prior exp(v) - 1 would lose the digits that the KL consists of.
    return 0.5 * (mean**2 + jnp.expm1(log_variance) - log_variance)


def constrained_kl(
    kl: Float[Array, "n d"], *, free: Float[Array, ""] | float = 0.0, capacity: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """|sum_j max(free, mean_n KL_j) - capacity|: with both at 0 the mean KL itself.

    Free bits let each latent carry `free` nats without cost (Kingma et al. 2016, eq. 15). A capacity holds the whole
    KL at a target instead of pressing it to 0 (Burgess et al. 2018, eq. 8, without gamma).

    Args:
        kl: of each latent of each image, (n, d), in nats.
        free: nats for each latent.
        capacity: nats for all of them.
    Returns:
        Nats per image, ().
    """
    return jnp.abs(jnp.maximum(kl.mean(axis=0), free).sum() - capacity)


def elbo(log_likelihood: Float[Array, " n"], kl: Float[Array, " n"]) -> Float[Array, " n"]:
    """The lower bound on log p(x), in nats per image: likelihood less KL. (Kingma & Welling 2014, eq. 3)"""
    same_shape(log_likelihood=log_likelihood, kl=kl)
    return log_likelihood - kl


def reparameterize(
    key: Key[Array, ""], mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]
) -> Float[Array, "n d"]:
    """A draw from N(mean, variance) that has gradients to both. (Kingma & Welling 2014, section 2.4)"""
    return reparameterize_with(jax.random.normal(key, mean.shape, mean.dtype), mean, log_variance)


def reparameterize_with(
    noise: Float[Array, "n d"], mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]
) -> Float[Array, "n d"]:
    """The same with the standard normal numbers given, so that a batch in parts has those of the whole."""
    same_shape(noise=noise, mean=mean, log_variance=log_variance)
    return mean + jnp.exp(0.5 * log_variance) * noise


def bits_per_dimension(nats: Float[Array, " *n"], dimensions: int) -> Float[Array, " *n"]:
    """Negative log-likelihood in bits per value of an image.

    A density over [-1, 1] gives bits relative to that range. For dequantised 8-bit images, where a level is 2/255 wide,
    add log2(127.5) = 6.994 to compare with published numbers.

    Args:
        nats: negative log-likelihood per image, of any shape.
        dimensions: h * w * c.
    """
    return nats / (dimensions * math.log(2))
