"""From a ControlConfig to the chain of controllers: what clashes, and what would say nothing, is refused."""

import dataclasses

import pytest

from genjax.config import ControlConfig
from genjax.control.registry import NEEDED, NO_CONTROL, build_controller
from genjax.errors import InputError

EXAMPLES = {  # a value that is not the default's
    "ada_images": 5.0,
    "lecam_start": 3,
    "balance_high": 0.9,
    "kl_capacity_weight": 2.0,
    "warm_up_cycles": 2,
    "gradient_skip": True,
    "collapse_margin": 9.0,
    "collapse_diversity": 0.5,
}
OF_VAES = ("kl_capacity_weight", "warm_up_cycles")


@pytest.mark.parametrize("name", NEEDED)
def test_an_option_of_a_controller_that_is_off_is_refused(name):
    family = "vae" if name in OF_VAES else "gan"
    alone = dataclasses.replace(NO_CONTROL, **{name: EXAMPLES[name]})
    with pytest.raises(InputError, match=f"--control.{name.replace('_', '-')} does nothing without --control."):
        build_controller(alone, family)
    for needed in NEEDED[name]:
        on = dataclasses.replace(alone, **{needed: 1 if needed.startswith(("warm", "collapse")) else 0.5})
        assert build_controller(on, family).sets


def test_the_defaults_are_ada_for_a_gan_and_geco_for_a_vae():
    assert build_controller(ControlConfig(), "gan").sets == ("augment_probability",)
    assert build_controller(ControlConfig(), "vae").sets == ("reconstruction_weight",)


def test_two_controllers_of_one_weight_are_refused():
    both = ControlConfig(geco_tolerance=0.2, optimal_sigma=0.1)
    with pytest.raises(InputError, match=r"--control.geco-tolerance and --control.optimal-sigma both set"):
        build_controller(both, "vae")
