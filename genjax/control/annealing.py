"""Knobs that follow a half cosine: the temperature and the rate of learning fall, the weight of the KL rises.

(Ramesh et al. 2021, appendix A.2) When: the relaxed codes of a Gumbel-softmax, which must be soft at first, or the
encoder has no gradients, and near one-hot at the end, or the decoder has never seen what it decodes; and the last steps
of any training whose length is known.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller
from genjax.control.schedules import schedule
from genjax.errors import InputError


def temperature(steps: int, *, first: float = 1.0, last: float = 1 / 16) -> Controller:
    """Sets `temperature`, from `first` to `last` in `steps` updates; the paper's are 1, 1/16 and 150,000.

    Raises:
        InputError: a temperature that is not above 0, or a negative number of steps.
    """
    if not min(first, last) > 0 or not max(first, last) < math.inf:
        raise InputError(f"temperatures of {first} and {last} were given, expected numbers above 0.")
    return schedule({"temperature": half_cosine(first, last, steps)})


def kl_annealing(steps: int, *, weight: float = 6.6) -> Controller:
    """Sets `kl_weight`, from 0 to `weight` in `steps` updates; the paper's are 6.6 and 5,000.

    Raises:
        InputError: a weight or a number of steps that is negative.
    """
    if not 0 <= weight < math.inf:
        raise InputError(f"a weight of {weight} was given, expected a number from 0 on.")
    return schedule({"kl_weight": half_cosine(0.0, weight, steps)})


def learning_rate_annealing(steps: int, *, last: float = 0.01) -> Controller:
    """Sets `learning_rate_scale`, from 1 to `last` in `steps` updates. (Loshchilov & Hutter 2017, without restarts)

    Raises:
        InputError: a scale outside of 0 to 1, or a negative number of steps.
    """
    if not 0 <= last <= 1:
        raise InputError(f"a last scale of {last} was given, expected a number from 0 to 1.")
    return schedule({"learning_rate_scale": half_cosine(1.0, last, steps)})


def half_cosine(first: float, last: float, steps: int) -> Callable[[Array], Array]:
    """From `first` to `last` in `steps` updates, flat at both ends; 0 steps are `last` at once."""
    if not 0 <= steps < math.inf:
        raise InputError(f"{steps} steps were given, expected 0 or more.")

    def value(done: Array) -> Array:
        part = jnp.minimum(1.0, done / steps) if steps else jnp.ones_like(done)
        return last + (first - last) * 0.5 * (1 + jnp.cos(jnp.pi * part))

    return value
