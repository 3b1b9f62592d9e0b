"""Losses: pure functions of arrays that return one value per image and never reduce over the batch."""

from genjax.losses.adversarial import (
    AdversarialLoss,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    wasserstein,
)

ADVERSARIAL = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "hinge": hinge,
    "relativistic": relativistic,
}

__all__ = ["ADVERSARIAL", "AdversarialLoss"]
