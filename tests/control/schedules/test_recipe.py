"""The recipe of R3GAN: five courses, where each begins, passes half and ends."""

import dataclasses

import jax.numpy as jnp
import pytest

from genjax.control import NO_CONTROL, ControlConfig, Controllable, Setting, build_controller, recipe
from genjax.errors import InputError

KNOBS = ("annealed_rate", "beta2", "penalty_scale", "average_scale", "augment_probability")
GAN = Controllable("GAN", ("real_sign", "images"), KNOBS)


def at(controller, updates):
    state = controller.init()
    for _ in range(updates):
        state = controller.update({}, state)
    return {name: float(value) for name, value in controller.knobs(state).items()}


def test_it_takes_the_course_of_the_paper():
    """The values of CIFAR-10: 2e-4 to 5e-5, .9 to .99, .05 to .005, 0 to 5 million images, 0 to .55."""
    found = recipe(8, augment=0.55)
    assert at(found, 0) == pytest.approx(dict(zip(KNOBS, (1.0, 0.9, 1.0, 0.0, 0.0), strict=True)))
    assert at(found, 4) == pytest.approx(dict(zip(KNOBS, (0.625, 0.945, 0.55, 0.5, 0.275), strict=True)))
    assert at(found, 8) == pytest.approx(dict(zip(KNOBS, (0.25, 0.99, 0.1, 1.0, 0.55), strict=True)))
    assert at(found, 20) == at(found, 8)


def test_it_is_one_controller_that_reads_nothing_and_leaves_augmentation_to_ada_unless_asked():
    both = build_controller(ControlConfig(recipe_steps=9), GAN)
    assert both.sets == ("augment_probability", *KNOBS[:4])
    with pytest.raises(InputError, match=r"--control\.ada-target and --control\.recipe-steps both set"):
        build_controller(ControlConfig(recipe_steps=9, recipe_augment=0.3), GAN)
    alone = build_controller(dataclasses.replace(NO_CONTROL, recipe_steps=9, recipe_augment=0.3), GAN)
    assert set(alone.sets) == set(KNOBS)
    assert alone.reads == ()


def test_the_second_moment_ends_at_the_models():
    own = GAN._replace(settings={"beta2": Setting("--gan.beta2", "the decay", 0.95)})
    control = dataclasses.replace(NO_CONTROL, recipe_steps=3)
    assert at(build_controller(control, own), 3)["beta2"] == pytest.approx(0.95)
    assert at(build_controller(control, GAN), 3)["beta2"] == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("recipe_steps", -1, "--control.recipe-steps is -1, expected 0 or more."),
        ("recipe_beta2", 1.0, "--control.recipe-beta2 is 1.0, expected less than 1."),
        ("recipe_rate", 0.0, "--control.recipe-rate is 0.0, expected a number above 0."),
        ("recipe_penalty", 1.5, "--control.recipe-penalty is 1.5, expected 1 or less."),
        ("recipe_augment", float("nan"), "--control.recipe-augment is nan, expected 0 or more."),
    ],
)
def test_what_no_course_can_be_is_refused(name, value, line):
    with pytest.raises(InputError) as refused:
        ControlConfig(**{name: value})
    assert str(refused.value) == line


def test_the_courses_are_of_single_precision():
    assert all(value.dtype == jnp.float32 for value in recipe(4).knobs(recipe(4).init()).values())
