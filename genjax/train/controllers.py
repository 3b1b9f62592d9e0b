"""From a config to the controllers of a run, in the order in which they are chained."""

from genjax.config import ControlConfig
from genjax.config.control import GAN_OPTIONS, VAE_OPTIONS
from genjax.control import Controller, ada, chain, geco
from genjax.errors import InputError

NO_CONTROL = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
SAME_KNOB = (  # options of which one at most can be on: they set the same knob
    ("geco_tolerance", "optimal_sigma"),
    ("kl_target", "kl_capacity"),
)


def build_controller(control: ControlConfig, family: str) -> Controller:
    """The chain of all controllers that are on.

    Raises:
        InputError: an option for the other family, or two controllers of one knob.
    """
    check_family_options(control, family)
    for first, second in SAME_KNOB:
        if getattr(control, first) and getattr(control, second) and first not in _foreign(family):
            raise InputError(
                f"{_option(first)} and {_option(second)} both set the weight of one term. Set one of them to 0."
            )
    parts = _of_gan(control) if family == "gan" else _of_vae(control)
    return chain(*parts, *_of_both(control, family))


def check_family_options(control: ControlConfig, family: str) -> None:
    """Raises InputError for an option that this family does not obey, unless it is at its default."""
    default = ControlConfig()
    for name in _foreign(family):
        if getattr(control, name) not in (getattr(default, name), 0):
            raise InputError(
                f"{_option(name)} is for a {'VAE' if family == 'gan' else 'GAN'}, and this is a {family.upper()}."
                " Leave it out."
            )


def _foreign(family: str) -> tuple[str, ...]:
    return VAE_OPTIONS if family == "gan" else GAN_OPTIONS


def _option(name: str) -> str:
    return f"--control.{name.replace('_', '-')}"


def _of_gan(control: ControlConfig) -> list[Controller]:
    return [ada(target=control.ada_target, images_to_one=control.ada_images)] if control.ada_target else []


def _of_vae(control: ControlConfig) -> list[Controller]:
    return [geco(tolerance=control.geco_tolerance)] if control.geco_tolerance else []


def _of_both(control: ControlConfig, family: str) -> list[Controller]:
    return []
