"""Top-k training: the generator learns of ever fewer images, those that the critic likes best. (Sinha et al. 2020)

At first the critic knows little, and all images count; later its worst ones, the authors find, lead away from the data.
Nothing is measured. When: the critic is trained from scratch, and the generator draws some images that are no good.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controller, Spec
from genjax.control.schedules.schedule import schedule
from genjax.errors import InputError
from genjax.limits import above_zero, at_least, at_most


@dataclass(frozen=True)
class TopKOptions:
    """Options of top-k training."""

    top_k_steps: int = 0
    """Top-k training: steps in which the share of images that the generator learns of falls; 0 is off."""
    top_k_share: float = 0.5
    """Top-k training: share of the images that is left at the end."""

    def __post_init__(self) -> None:
        """Refuses a negative number of steps, and a share that is not above 0 and at most 1."""
        at_least("control", self, 0, "top_k_steps")
        above_zero("control", self, "top_k_share")
        at_most("control", self, 1, "top_k_share")
        if self.top_k_steps and self.top_k_share == 1:
            raise InputError("--control.top-k-share 1 leaves all images. Use less, or leave --control.top-k-steps out.")


def top_k(steps: int, *, last: float = 0.5) -> Controller:
    """Sets `top_fraction`, from 1 to `last` in `steps` updates, by one factor in each; the paper's last is .5.

    Args:
        steps: updates in which it falls; with 0 it is `last` from the beginning.
        last: share at the end, in (0, 1].
    Raises:
        InputError: a share outside of that, or a negative number of steps.
    """
    if not 0 < last <= 1:
        raise InputError(f"a last share of {last} was given, expected a number above 0, 1 or less.")
    if steps < 0:
        raise InputError(f"{steps} steps were given, expected 0 or more.")

    def fraction(done: Array) -> Array:
        part = jnp.minimum(1.0, done / steps) if steps else jnp.ones_like(done)
        return jnp.maximum(last, last**part)  # rounding is not to go below `last`

    return schedule("top_k", {"top_fraction": fraction})


SPEC = Spec(
    name="top_k",
    summary="lets the generator learn of the best images only",
    options=TopKOptions,
    switches={"top_k_steps": 1000},
    build=lambda options, learner: (top_k(options.top_k_steps, last=options.top_k_share),),
)
