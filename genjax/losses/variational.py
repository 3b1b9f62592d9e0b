"""The evidence lower bound and its parts, in nats per image: sums over latents and pixels, never over the batch."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from genjax.losses.shapes import same_shape


def gaussian_kl(mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Computes KL(N(mean, variance) || N(0, I)), summed over the latents. (Kingma & Welling 2014, appendix B)

    Args:
        mean: means (n, d).
        log_variance: natural logarithm of the variances (n, d).
    Returns:
        Nats per image (n,), at least 0.
    """
    return gaussian_kl_per_latent(mean, log_variance).sum(axis=-1)


def gaussian_kl_per_latent(mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Computes the KL divergence of each latent, in nats. Arguments as in `gaussian_kl`."""
    same_shape(mean=mean, log_variance=log_variance)
    # (m^2 + exp(v) - 1 - v) / 2. expm1, since near the prior exp(v) - 1 would cancel to a few digits.
    return 0.5 * (mean**2 + jnp.expm1(log_variance) - log_variance)


def constrained_kl(
    kl: Float[Array, "n d"], *, free: Float[Array, ""] | float = 0.0, capacity: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """Computes the mean KL with free bits or a capacity; with both at 0 it is the mean KL itself.

    Free bits let each latent carry `free` nats without cost (Kingma et al. 2016, eq. 15). A capacity holds the whole
    KL at a target instead of pressing it to 0 (Burgess et al. 2018, eq. 8, without gamma).

    Args:
        kl: KL of each latent of each image, in nats, (n, d).
        free: nats that each latent has free.
        capacity: target in nats for the sum over latents.
    Returns:
        Nats per image, (). The one loss that averages over the batch, since free bits are defined on that average.
    """
    # |sum_j max(free, mean_n KL_j) - capacity|
    return jnp.abs(jnp.maximum(kl.mean(axis=0), free).sum() - capacity)


def elbo(log_likelihood: Float[Array, " n"], kl: Float[Array, " n"]) -> Float[Array, " n"]:
    """Computes the lower bound on log p(x) in nats per image: E_q[log p(x|z)] - KL. (Kingma & Welling 2014, eq. 3)"""
    same_shape(log_likelihood=log_likelihood, kl=kl)
    return log_likelihood - kl  # E_q[log p(x|z)] - KL(q(z|x) || p(z))


def reparameterize(
    key: Key[Array, ""], mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]
) -> Float[Array, "n d"]:
    """Samples N(mean, variance), with gradients to both parameters. (Kingma & Welling 2014, section 2.4)"""
    return reparameterize_with(jax.random.normal(key, mean.shape, mean.dtype), mean, log_variance)


def reparameterize_with(
    noise: Float[Array, "n d"], mean: Float[Array, "n d"], log_variance: Float[Array, "n d"]
) -> Float[Array, "n d"]:
    """Samples like `reparameterize` from given noise, so that a batch in parts uses the noise of the whole."""
    same_shape(noise=noise, mean=mean, log_variance=log_variance)
    return mean + jnp.exp(0.5 * log_variance) * noise  # z = mean + sigma * noise


def bits_per_dimension(nats: Float[Array, " *n"], dimensions: int) -> Float[Array, " *n"]:
    """Converts a negative log-likelihood from nats per image to bits per value.

    A density over [-1, 1] gives bits relative to that range. For dequantised 8-bit images, where a level is 2/255 wide,
    add log2(127.5) = 6.994 to compare with published numbers.

    Args:
        nats: negative log-likelihood per image, of any shape.
        dimensions: number of values in an image, h * w * c.
    """
    return nats / (dimensions * math.log(2))  # 1 bit = log 2 nats
