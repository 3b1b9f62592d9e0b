"""Adaptive pseudo augmentation: generated images stand in for real ones while the critic overfits. (Jiang et al. 2021)

ADA's rule moves the probability with which a real image is replaced by a generated one, which the critic then is told
to be real (section 3.2). When: few real images, and pictures that an augmentation would spoil; it can be combined with
ADA.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from genjax.control.ada import SpeedOptions, hold_sign
from genjax.control.controller import Controllable, Controller, Spec
from genjax.limits import at_least, at_most


@dataclass(frozen=True)
class ApaOptions(SpeedOptions):
    """Options of adaptive pseudo augmentation."""

    apa_target: float = 0.0
    """Pseudo augmentation (APA): the mean sign (.6) to hold by showing generated images as real ones; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a target that no mean sign can reach."""
        SpeedOptions.__post_init__(self)
        at_least("control", self, 0, "apa_target")
        at_most("control", self, 0.9999999, "apa_target")


def apa(*, target: float = 0.6, images_to_one: float = 500_000, interval: int = 4, bound: float = 0.8) -> Controller:
    """Sets `replace_probability` in [0, bound] from the signals `real_sign` and `images`.

    Args:
        target: mean sign to hold of the critic's logits on what it is shown as real, in (-1, 1).
        images_to_one: images that move the probability by 1.
        interval: steps that are averaged before each move.
        bound: highest probability.
    """
    return hold_sign("apa", "replace_probability", target, images_to_one, interval=interval, bound=bound)


def build(options: ApaOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (apa(target=options.apa_target, images_to_one=options.ada_images),)


SPEC = Spec(
    name="apa",
    summary="shows generated images as real ones while the critic overfits",
    options=ApaOptions,
    switches={"apa_target": 0.6},
    build=build,
)
