"""Perceptual path length: how far images move in feature space for a small step between two latents.

A generator that jumps has memorised, or has holes between what it makes well.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from genjax.errors import InputError, lookup
from genjax.evaluate.metrics.check import Floats

if TYPE_CHECKING:
    from jax import Array


def linear(a: Floats, b: Floats, t: Floats) -> Floats:
    """Interpolates on the straight line from a (n, d) to b at t (n, 1), for latents of a mapped or uniform space."""
    return a + (b - a) * t


def slerp(a: Floats, b: Floats, t: Floats) -> Floats:
    """Interpolates on the arc from a (n, d) to b at t (n, 1), for Gaussian latents. (Shoemake 1985, section 3.3)

    The middle of a straight line between Gaussian latents is too near the origin. Latents of one length keep it. Where
    two point the same way, the arc is the line.

    Raises:
        InputError: a latent that is zero, or two that are opposed, between which no arc is the shortest.
    """
    lengths = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    if min(lengths[0].min(), lengths[1].min()) == 0:
        raise InputError('a latent is zero and has no direction. Use other latents or interpolation="linear".')
    unit_a, unit_b = a / lengths[0], b / lengths[1]  # (n, d), directions
    across, along = np.linalg.norm(unit_a - unit_b, axis=1), np.linalg.norm(unit_a + unit_b, axis=1)
    angle = 2 * np.arctan2(across, along)[:, None]  # of an arc cosine, small angles would lose half of their digits
    sine = np.sin(angle)
    opposed = (along < 1e-7).sum()
    if opposed:
        raise InputError(
            f'{opposed} of {len(a)} pairs of latents are opposed. Use other latents or interpolation="linear".'
        )
    # sin((1 - t) w) / sin w a + sin(t w) / sin w b, with the angle w between a and b
    safe = np.where(angle < 1e-7, 1.0, sine)
    arc = np.sin((1 - t) * angle) / safe * a + np.sin(t * angle) / safe * b
    return np.where(angle < 1e-7, linear(a, b, t), arc)  # at small angles both sines are 0


INTERPOLATIONS = {"linear": linear, "slerp": slerp}


def perceptual_path_length(
    generate: Callable[[Any], Any],
    extract: Callable[[Any], Any],
    latents_a: ArrayLike,
    latents_b: ArrayLike,
    key: "Array",
    *,
    interpolation: str,
    epsilon: float = 1e-4,
    batch: int = 64,
) -> Floats:
    """Computes |f(g(t + epsilon)) - f(g(t))|^2 / epsilon^2 at a uniform t between two latents, of features f.

    The images stay floats from the generator to the features. A grey level is 0.0078 of the range from -1 to 1 and a
    step moves a pixel by about 0.0001: rounded images would be equal, or differ by a whole level, and the division by
    epsilon^2 makes millions of that. For the same reason neither network may compute in 16 bits.
    The published values are of the VGG16 distance of their authors; those of other features compare with their own
    kind only, at one epsilon. (Karras et al. 2019, section 4.1)

    Args:
        generate: function from latents (n, d), float32, to float images; compiled by the caller.
        extract: function from those images to features (n, any); it resizes without rounding where it must.
        latents_a: latents (n, d) at which paths begin.
        latents_b: latents (n, d) at which paths end.
        key: random key of the places t.
        interpolation: "slerp" for Gaussian latents, "linear" for a mapped or uniform space.
        epsilon: length of a step, as a share of the path.
        batch: pairs at a time. The last batch is filled up, so that one shape is compiled.
    Returns:
        Lengths (n,), lower is smoother. It has a long tail: see `trimmed_mean`.
    Raises:
        InputError: latents of other or unlike shapes or not finite, images that are not floats, features that are not
            finite, an unknown interpolation, or an epsilon or batch that is not above 0.
    """
    import jax  # here, so that a mean of values that one has does not wait for it

    path = lookup(INTERPOLATIONS, interpolation, "interpolation")
    a, b = _latents(latents_a, "latents_a"), _latents(latents_b, "latents_b")
    if a.shape != b.shape:
        raise InputError(f"latents_a have the shape {a.shape} and latents_b {b.shape}, expected the same.")
    if not 0 < epsilon < 1 or batch < 1:
        raise InputError(
            f"epsilon={epsilon} and batch={batch}: use an epsilon between 0 and 1, and a batch of 1 or more."
        )
    # t ~ U(0, 1), (n, 1)
    t = np.asarray(jax.random.uniform(key, (len(a), 1)), np.float64)
    starts, ends = path(a, b, t), path(a, b, t + epsilon)
    values = np.empty(len(a))  # (n,)
    for start in range(0, len(a), batch):
        rows = slice(start, start + batch)
        values[rows] = _squared_distances(generate, extract, starts[rows], ends[rows], batch) / epsilon**2
    return values


def trimmed_mean(values: ArrayLike, *, low: float = 0.01, high: float = 0.99) -> float:
    """Averages the values from one quantile to the other, as path lengths are reported: a few are enormous.

    The quantiles are values themselves, the next outwards, and count. (Karras et al. 2019, section 4.1, by their code)

    Args:
        values: numbers (n,).
        low: share of the values below the lowest that counts.
        high: share of the values below the highest that counts.
    Raises:
        InputError: another shape, no values, values that are not finite, or quantiles that are not in order.
    """
    given = np.asarray(values, np.float64)
    if given.ndim != 1 or given.size == 0 or not np.isfinite(given).all():
        raise InputError(f"values have the shape {given.shape}, expected 1 or more finite numbers of shape (n,).")
    if not 0 <= low < high <= 1:
        raise InputError(f"low={low} and high={high} are no quantiles in order. Use 0 <= low < high <= 1.")
    # The lower and the higher neighbour, so that the limits are values of the set.
    least, most = np.quantile(given, low, method="lower"), np.quantile(given, high, method="higher")
    return float(given[(given >= least) & (given <= most)].mean())


def _latents(latents: ArrayLike, name: str) -> Floats:
    given = np.asarray(latents, np.float64)
    if given.ndim != 2 or given.size == 0:
        raise InputError(f"{name} have the shape {given.shape}, expected (n, d).")
    if not np.isfinite(given).all():
        raise InputError(f"{name} hold numbers that are not finite. Check where they come from.")
    return given


def _squared_distances(generate: Callable, extract: Callable, starts: Floats, ends: Floats, batch: int) -> Floats:
    # The last batch is filled up by repeating its last pair.
    missing = ((0, batch - len(starts)), (0, 0))
    # Both ends of the steps at once, (2 * batch, d): one call of each network.
    both = np.concatenate([np.pad(part, missing, mode="edge") for part in (starts, ends)])
    images = generate(both.astype(np.float32))
    if np.dtype(images.dtype).kind in "biu":
        raise InputError(f"generated images are {images.dtype}, expected floats that were never rounded.")
    features = np.asarray(extract(images), np.float64).reshape(2 * batch, -1)
    if not np.isfinite(features).all():
        raise InputError(
            "features of the generated images are not finite. Check the images: a diverged model makes such."
        )
    # Without what filled the batch up.
    first, second = features[: len(starts)], features[batch : batch + len(starts)]
    return ((second - first) ** 2).sum(axis=1)
