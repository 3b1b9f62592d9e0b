"""Half cosines over steps whose number is known.

Two are for relaxed codes, which must be soft at first, or the encoder has no gradients, and near one-hot at the end, or
the decoder has never seen what it decodes (Ramesh et al. 2021, appendix A.2); one for the last steps of any training.
"""

import math
from dataclasses import dataclass

from genjax.control.controller import Controller, Spec
from genjax.control.schedules.schedule import half_cosine, schedule
from genjax.errors import InputError
from genjax.limits import at_least, at_most


@dataclass(frozen=True)
class AnnealingOptions:
    """Options of the annealing of the learning rates."""

    anneal_steps: int = 0
    """Annealing: steps in which the learning rates fall along half a cosine, usually those of the run; 0 is off."""
    anneal_to: float = 0.01
    """Annealing: share of the learning rates that is left at the end."""

    def __post_init__(self) -> None:
        """Refuses a negative number of steps, and a share outside of 0 to 1."""
        at_least("control", self, 0, "anneal_steps", "anneal_to")
        at_most("control", self, 1, "anneal_to")


def temperature(steps: int, *, first: float = 1.0, last: float = 1 / 16) -> Controller:
    """Sets `temperature`, from `first` to `last` in `steps` updates; the paper's are 1, 1/16 and 150,000.

    Raises:
        InputError: a temperature that is not above 0, or a negative number of steps.
    """
    if not min(first, last) > 0 or not max(first, last) < math.inf:
        raise InputError(f"temperatures of {first} and {last} were given, expected numbers above 0.")
    return schedule("temperature", {"temperature": half_cosine(first, last, steps)})


def kl_annealing(steps: int, *, weight: float = 6.6) -> Controller:
    """Sets `kl_weight`, from 0 to `weight` in `steps` updates; the paper's are 6.6 and 5,000.

    Raises:
        InputError: a weight or a number of steps that is negative.
    """
    if not 0 <= weight < math.inf:
        raise InputError(f"a weight of {weight} was given, expected a number from 0 on.")
    return schedule("kl_annealing", {"kl_weight": half_cosine(0.0, weight, steps)})


def learning_rate_annealing(steps: int, *, last: float = 0.01) -> Controller:
    """Sets `annealed_rate`, from 1 to `last` in `steps` updates. (Loshchilov & Hutter 2017, without restarts)

    Raises:
        InputError: a scale outside of 0 to 1, or a negative number of steps.
    """
    if not 0 <= last <= 1:
        raise InputError(f"a last scale of {last} was given, expected a number from 0 to 1.")
    return schedule("learning_rate_annealing", {"annealed_rate": half_cosine(1.0, last, steps)})


ANNEALING = Spec(
    name="learning_rate_annealing",
    summary="lets the learning rates fall",
    options=AnnealingOptions,
    switches={"anneal_steps": 1000},
    build=lambda options, learner: (learning_rate_annealing(options.anneal_steps, last=options.anneal_to),),
)
