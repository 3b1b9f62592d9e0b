"""The recipe of R3GAN: rate, moments, penalty, average and augmentation along one half cosine. (Huang et al. 2024)

Early the critic is held tightly and the generator may run; late both settle: the learning rates fall, Adam looks back
further, R1 and R2 let go, the average reaches back further, and more images are augmented. Nothing is measured. When: a
GAN is trained from scratch, and the length of its training is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from genjax.control.controller import Controllable, Controller, Spec, setting
from genjax.control.schedules.schedule import half_cosine, schedule
from genjax.limits import above_zero, at_least, at_most

BETA2 = 0.99  # at the end, where the config of the model says nothing


@dataclass(frozen=True)
class RecipeOptions:
    """Options of the recipe."""

    recipe_steps: int = 0
    """Recipe of R3GAN: steps in which five knobs take their course, usually those of the run; 0 is off."""
    recipe_rate: float = 0.25
    """Recipe: share of the learning rates that is left at the end."""
    recipe_beta2: float = 0.9
    """Recipe: decay of Adam's second moment at the beginning; at the end it is that of the model."""
    recipe_penalty: float = 0.1
    """Recipe: share of the weights of R1 and R2 that is left at the end."""
    recipe_augment: float = 0.0
    """Recipe: probability of augmentation at the end, from 0 at the beginning; 0 leaves it to ADA."""

    def __post_init__(self) -> None:
        """Refuses a negative number of steps, shares outside of 0 to 1, and what is no probability or decay."""
        at_least("control", self, 0, "recipe_steps", "recipe_beta2", "recipe_penalty", "recipe_augment")
        at_most("control", self, 1, "recipe_rate", "recipe_penalty", "recipe_augment")
        at_most("control", self, 0.9999999, "recipe_beta2")
        above_zero("control", self, "recipe_rate")


def recipe(
    steps: int,
    *,
    rate: float = 0.25,
    beta2: tuple[float, float] = (0.9, BETA2),
    penalty: float = 0.1,
    augment: float = 0.0,
) -> Controller:
    """Sets five knobs along half a cosine of `steps` updates; the paper's values are those of CIFAR-10.

    `annealed_rate` goes from 1 to `rate`, `beta2` from the first to the second, `penalty_scale` from 1 to `penalty`,
    `average_scale` from 0 to 1, and `augment_probability` from 0 to `augment` (the paper: .55), or is not set where
    that is 0.

    Args:
        steps: updates in which they take their course.
        rate: factor on the learning rates at the end.
        beta2: decay of Adam's second moment at the beginning and at the end.
        penalty: factor on the weights of R1 and R2 at the end.
        augment: probability of augmentation at the end.
    Raises:
        InputError: a negative number of steps.
    """
    ends = {
        "annealed_rate": (1.0, rate),
        "beta2": beta2,
        "penalty_scale": (1.0, penalty),
        "average_scale": (0.0, 1.0),
    }
    if augment:
        ends["augment_probability"] = (0.0, augment)
    return schedule("recipe", {knob: half_cosine(first, last, steps) for knob, (first, last) in ends.items()})


def build(options: RecipeOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the recipe, which ends at the config's decay of the second moment, from the options."""
    last = setting(learner, "beta2") if "beta2" in learner.settings else BETA2
    return (
        recipe(
            options.recipe_steps,
            rate=options.recipe_rate,
            beta2=(options.recipe_beta2, last),
            penalty=options.recipe_penalty,
            augment=options.recipe_augment,
        ),
    )


SPEC = Spec(
    name="recipe",
    summary="lets rate, moments, penalty and average take the course of R3GAN",
    options=RecipeOptions,
    switches={"recipe_steps": 1000},
    build=build,
    scales=("beta2",),
)
