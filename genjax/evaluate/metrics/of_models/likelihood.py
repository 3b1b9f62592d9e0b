"""Likelihood metrics of VAEs: the importance-weighted bound, active latents, KL, and rate-distortion frontiers.

The bound by importance weighting is tighter than the ELBO and reaches log p(x) with many draws. (Burda et al. 2016)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from genjax.errors import InputError
from genjax.evaluate.metrics.check import Floats

if TYPE_CHECKING:
    from jax import Array

Encode = Callable[[Any], tuple[Any, Any]]  # images (n, ...) -> mean and log-variance of q(z | x), (n, d) each
LogLikelihood = Callable[[Any, Any], Any]  # images (n, ...) and latents (n, d) -> log p(x | z), (n,)


def importance_weighted_nats(log_weights: ArrayLike) -> Floats:
    """Computes the negative bound on log p(x): -log(1/K sum_k p(x, z_k) / q(z_k | x)). (Burda et al. 2016, eq. 8)

    K is the number of columns. K = 1 is one draw of the negative ELBO. In expectation it only falls as K grows, towards
    -log p(x): state K with it.

    Args:
        log_weights: natural logarithms (n, K) of p(x, z_k) / q(z_k | x). Minus infinity is a draw that cannot have
            made the image.
    Returns:
        Nats per image (n,), lower is better.
    Raises:
        InputError: another shape, no draws, or a number that is NaN or plus infinity.
    """
    weights = _table(log_weights, "log weights", "(images, draws)")
    bad = int((np.isnan(weights) | np.isposinf(weights)).any(axis=1).sum())
    if bad:
        raise InputError(f"log weights of {bad} of {len(weights)} images are NaN or infinite. Check the model.")
    # log K - log sum_k exp(log w_k)
    return np.log(weights.shape[1]) - np.asarray(logsumexp(weights, axis=1))


def draw_log_weights(
    encode: Encode,
    log_likelihood: LogLikelihood,
    images: np.ndarray,
    key: "Array",
    *,
    samples: int,
    chunk: int = 256,
) -> Floats:
    """Computes log p(x | z) + log p(z) - log q(z | x) for `samples` draws of z from q(z | x) for each image.

    The prior is N(0, I). Draw k of image i depends on the key, i and k alone: neither `chunk` nor more images or draws
    change it.

    Args:
        encode: function from images to mean and log-variance (n, d) of the diagonal Gaussian q; compiled by the caller.
        log_likelihood: function from images and latents (n, d), float32, to log p(x | z) (n,) in nats, summed over
            pixels.
        images: images (n, ...), as the two functions read them.
        key: random key of the draws.
        samples: number K of draws for each image.
        chunk: images encoded, and latents decoded, at a time. The last chunk is smaller: nothing is drawn to fill it.
    Returns:
        Log weights (n, samples), float64.
    Raises:
        InputError: no draws, no images, or functions that give other shapes or numbers that are not finite.
    """
    if samples < 1 or chunk < 1:
        raise InputError(f"{samples} draws in chunks of {chunk} were asked for, expected 1 or more of both.")
    if len(images) == 0:
        raise InputError("there are no images to draw latents for. Use 1 or more.")
    means, log_variances = _encoded(encode, images, chunk)  # (n, d) each
    weights = np.empty(len(images) * samples)  # all draws of the first image, then of the second
    for start in range(0, len(weights), chunk):
        rows = np.arange(start, min(start + chunk, len(weights)))
        image, draw = np.divmod(rows, samples)  # (rows,) each: weight i * K + k is draw k of image i
        noise, log_variance = _noise(key, image, draw, means.shape[1]), log_variances[image]
        # z = mean + sigma * noise
        latents = means[image] + np.exp(0.5 * log_variance) * noise
        likelihoods = np.asarray(log_likelihood(images[image], latents.astype(np.float32)), np.float64)
        _check_likelihoods(likelihoods, len(rows))  # (rows,)
        # log p(z) - log q(z | x) = sum_j (noise_j^2 + log sigma_j^2 - z_j^2) / 2; -1/2 log 2 pi of both cancels
        prior_less_posterior = 0.5 * (noise * noise + log_variance - latents * latents).sum(axis=1)
        weights[rows] = likelihoods + prior_less_posterior
    return weights.reshape(len(images), samples)


def active_units(means: ArrayLike, *, threshold: float = 0.01) -> int:
    """Counts the latents whose posterior mean varies over the data. (Burda et al. 2016, section 5.2)

    Args:
        means: means (n, d) of q(z | x), n >= 2.
        threshold: variance (with n - 1) over which a latent is active.
    Raises:
        InputError: another shape, fewer than 2 images, a number that is not finite, or a negative threshold.
    """
    table = _finite(means, "posterior means")
    if len(table) < 2:
        raise InputError("posterior means are of 1 image, expected 2 or more. Use more images.")
    if not threshold >= 0:
        raise InputError(f"threshold={threshold} is no variance. Use 0 or more.")
    # A_j = Var_x(E[z_j | x]) > threshold
    return int((table.var(axis=0, ddof=1) > threshold).sum())


def kl_per_latent(means: ArrayLike, log_variances: ArrayLike) -> Floats:
    """Computes KL(q(z_j | x) | N(0, 1)) of each latent j, the mean over images: a latent near 0 carries nothing.

    Args:
        means: means (n, d) of q(z | x).
        log_variances: natural logarithms (n, d) of the variances of q(z | x).
    Returns:
        Nats (d,), at least 0.
    Raises:
        InputError: other or unlike shapes, or a number that is not finite.
    """
    means, log_variances = _finite(means, "posterior means"), _finite(log_variances, "log-variances")
    _check_same(means, log_variances, "posterior means", "log-variances")
    # KL = 1/2 (mean^2 + sigma^2 - 1 - log sigma^2)
    # expm1: near the prior exp(v) - 1 would lose the digits that the KL consists of.
    return 0.5 * (means**2 + np.expm1(log_variances) - log_variances).mean(axis=0)


def rate_distortion(rates: ArrayLike, distortions: ArrayLike) -> tuple[Floats, Floats]:
    """Selects the models, or betas of one, that no other beats in rate and distortion. (Alemi et al. 2018, section 3)

    Args:
        rates: nats (models,) of KL(q(z | x) | prior).
        distortions: nats (models,) of -E log p(x | z).
    Returns:
        (rates, distortions) of the lower left frontier: rates rise and distortions fall. On it lies no model that
        another equals or beats in both.
    Raises:
        InputError: other or unlike shapes, no models, or a number that is not finite.
    """
    rates, distortions = _finite(rates, "rates", 1), _finite(distortions, "distortions", 1)
    _check_same(rates, distortions, "rates", "distortions")
    order = np.lexsort((distortions, rates))  # by rate, equal rates by distortion
    rates, distortions = rates[order], distortions[order]
    # Sorted by rate, a model is on the frontier if its distortion is below all before it.
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(distortions)[:-1]])
    kept = distortions < best_before
    return rates[kept], distortions[kept]


def dominated_area(rates: ArrayLike, distortions: ArrayLike, *, reference: tuple[float, float]) -> float:
    """Computes the area of the points that some model of a frontier beats, up to a reference; higher is better.

    Args:
        rates: nats (models,), as for `rate_distortion`.
        distortions: nats (models,), as for `rate_distortion`.
        reference: one (rate, distortion) for all frontiers that are compared; models beyond it count for nothing.
    Returns:
        Square nats, 0 or more.
    Raises:
        InputError: see `rate_distortion`.
    """
    rates, distortions = rate_distortion(rates, distortions)
    # A staircase: from each rate to the next, the height up to the reference.
    edges = np.minimum(np.append(rates, reference[0]), reference[0])
    return float((np.diff(edges) * np.maximum(reference[1] - distortions, 0)).sum())


def _encoded(encode: Encode, images: np.ndarray, chunk: int) -> tuple[Floats, Floats]:
    parts = [encode(images[start : start + chunk]) for start in range(0, len(images), chunk)]
    means, log_variances = (
        _finite(np.concatenate([np.asarray(part[i]) for part in parts]), name)
        for i, name in enumerate(("posterior means", "log-variances"))
    )
    _check_same(means, log_variances, "posterior means", "log-variances")
    if len(means) != len(images):
        raise InputError(f"encode gives {len(means)} posteriors for {len(images)} images, expected one for each.")
    return means, log_variances


def _noise(key: "Array", image: np.ndarray, draw: np.ndarray, dim: int) -> Floats:
    """Draws standard normal numbers (rows, dim), each row by the numbers of its image and its draw."""
    import jax  # here, so that bounds of weights that one has do not wait for it

    # A key of its own for each (image, draw): chunks and further images change no draw.
    keys = jax.vmap(lambda i, k: jax.random.fold_in(jax.random.fold_in(key, i), k))(np.uint32(image), np.uint32(draw))
    return np.asarray(jax.vmap(lambda own: jax.random.normal(own, (dim,)))(keys), np.float64)


def _table(values: ArrayLike, name: str, axes: str, ndim: int = 2) -> Floats:
    given = np.asarray(values)
    if given.ndim != ndim or given.dtype.kind not in "fiu" or 0 in given.shape:
        raise InputError(f"{name} are {given.dtype} of shape {given.shape}, expected numbers of shape {axes}, none 0.")
    return given.astype(np.float64)


def _finite(values: ArrayLike, name: str, ndim: int = 2) -> Floats:
    table = _table(values, name, "(images, latents)" if ndim == 2 else "(models,)", ndim)
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise InputError(f"{bad} of {table.size} {name} are not finite. Check the model: a diverged one makes such.")
    return table


def _check_same(values: Floats, others: Floats, name: str, other: str) -> None:
    if values.shape != others.shape:
        raise InputError(f"{name} have the shape {values.shape} and {other} {others.shape}, expected the same.")


def _check_likelihoods(likelihoods: Floats, rows: int) -> None:
    if likelihoods.shape != (rows,):
        raise InputError(
            f"log_likelihood gives the shape {likelihoods.shape} for {rows} latents, expected ({rows},):"
            " one value each, summed over pixels."
        )
    bad = int((np.isnan(likelihoods) | np.isposinf(likelihoods)).sum())
    if bad:
        raise InputError(f"log_likelihood gives NaN or infinity for {bad} of {rows} latents. Check the model.")
