"""From a config to the controllers of a run, in the order in which they are chained."""

from genjax.config import ControlConfig
from genjax.config.control import GAN_OPTIONS, VAE_OPTIONS
from genjax.control import (
    Controller,
    ada,
    adaptive_critic_steps,
    adaptive_weight,
    apa,
    balance,
    capacity,
    chain,
    collapse_guard,
    cyclical,
    free_bits,
    geco,
    gradient_guard,
    lecam,
    optimal_sigma,
    pi_control,
    warm_up,
)
from genjax.errors import InputError

NO_CONTROL = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
SAME_KNOB = (  # options of which one at most can be on: they set the same knob, or both sides of one balance
    ("geco_tolerance", "optimal_sigma"),
    ("geco_tolerance", "kl_target"),
    ("kl_target", "kl_capacity"),
    ("kl_capacity", "warm_up_cycles"),
    ("kl_target", "warm_up_steps"),
)
NEEDED = {  # an option that says how -> the options of which one must be on for it to say anything
    "ada_images": ("ada_target", "apa_target"),
    "lecam_start": ("lecam_weight",),
    "balance_high": ("balance_low",),
    "kl_capacity_weight": ("kl_capacity",),
    "warm_up_cycles": ("warm_up_steps",),
    "gradient_skip": ("gradient_deviations",),
    "collapse_margin": ("collapse_rollbacks",),
    "collapse_diversity": ("collapse_rollbacks",),
}


def build_controller(control: ControlConfig, family: str, kl_weight: float = 1.0) -> Controller:
    """The chain of all controllers that are on.

    Args:
        control: the options.
        family: of the model.
        kl_weight: of a VAE's config, to which a warm-up rises.
    Raises:
        InputError: an option for the other family, two controllers of one knob, an option of one that is off, or a
            weight of the KL beside a controller that sets it.
    """
    check_family_options(control, family)
    for first, second in SAME_KNOB:
        if getattr(control, first) and getattr(control, second) and first not in _foreign(family):
            raise InputError(
                f"{_option(first)} and {_option(second)} both set the balance of the same two terms."
                " Set one of them to 0."
            )
    check_needed(control)
    setter = next((name for name in ("kl_target", "kl_capacity") if family == "vae" and getattr(control, name)), "")
    if setter and kl_weight != 1:
        raise InputError(f"{_option(setter)} sets the weight of the KL itself. Leave --vae.kl-weight out.")
    parts = _of_gan(control) if family == "gan" else _of_vae(control, kl_weight)
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


def check_needed(control: ControlConfig) -> None:
    """Raises InputError for an option that says how a controller works which is off."""
    default = ControlConfig()
    for name, needed in NEEDED.items():
        if getattr(control, name) != getattr(default, name) and not any(getattr(control, other) for other in needed):
            wanted = " or ".join(_option(other) for other in needed)
            raise InputError(f"{_option(name)} does nothing without {wanted}. Set that too, or leave it out.")


def _foreign(family: str) -> tuple[str, ...]:
    return VAE_OPTIONS if family == "gan" else GAN_OPTIONS


def _option(name: str) -> str:
    return f"--control.{name.replace('_', '-')}"


def _of_gan(control: ControlConfig) -> list[Controller]:
    images, parts = control.ada_images, []
    if control.ada_target:
        parts.append(ada(target=control.ada_target, images_to_one=images))
    if control.apa_target:
        parts.append(apa(target=control.apa_target, images_to_one=images))
    if control.lecam_weight:
        parts.append(lecam(weight=control.lecam_weight, start=control.lecam_start))
    if control.critic_accuracy:
        parts.append(adaptive_critic_steps(threshold=control.critic_accuracy))
    if control.balance_low:
        parts.append(balance(band=(control.balance_low, control.balance_high)))
    return parts


def _of_vae(control: ControlConfig, kl_weight: float) -> list[Controller]:
    parts = []
    if control.geco_tolerance:
        parts.append(geco(tolerance=control.geco_tolerance))
    if control.optimal_sigma:
        parts.append(optimal_sigma(floor=control.optimal_sigma))
    if control.free_nats:
        parts.append(free_bits(control.free_nats))
    if control.kl_target:
        parts.append(pi_control(control.kl_target))
    elif control.kl_capacity:
        parts.append(capacity(control.kl_capacity, steps=control.warm_up_steps, weight=control.kl_capacity_weight))
    elif control.warm_up_cycles:
        parts.append(cyclical(control.warm_up_steps, cycles=control.warm_up_cycles, weight=kl_weight))
    elif control.warm_up_steps:
        parts.append(warm_up(control.warm_up_steps, weight=kl_weight))
    return parts


def _of_both(control: ControlConfig, family: str) -> list[Controller]:
    parts = []
    if control.transfer_ratio:
        parts.append(adaptive_weight(ratio=control.transfer_ratio))
    if control.gradient_deviations:
        for network in ("critic", "generator") if family == "gan" else ("vae",):
            parts.append(gradient_guard(network, deviations=control.gradient_deviations, skip=control.gradient_skip))
    if control.collapse_rollbacks:
        parts.append(
            collapse_guard(
                critic=family == "gan",
                margin=control.collapse_margin,
                diversity=control.collapse_diversity,
                most=control.collapse_rollbacks,
            )
        )
    return parts
