"""The transfer `auto`: rules, which a family hands over, choose the transfer by the number of shots.

The rules are those that experiments/results/few_shot.md speaks for, on digits adapted to glyphs; seeds, intervals and
what speaks against them stand there.

- A GAN: `freeze` at any number of shots, which the benchmark cannot tell from full fine-tuning in distance or
  diversity, and which trains fewer numbers.
- A VAE: `miner` up to 30 shots, the nearest in both distances among those that cover as much, at the price of more
  copies.
- A flow: `lora` up to 30 shots. Full fine-tuning is nearer with each seed (KD .45 and .63), but 45 % of its samples
  copy one of ten shots, of `lora` 2 %, which varies more. Of mean velocities `full`: `lora` cannot teach them.
- A flow with styles: `embedding`, whatever the shots. (experiments/results/fonts.md)
- Full fine-tuning otherwise.

On emoji with 100 shots a GAN came nearer by `freeze` than its source was, where full fine-tuning did harm; with 5 it
did not, and with 1 it repeats that shot; a VAE came nearer by `miner` not with each seed.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from genjax.errors import InputError
from genjax.transfer.transfer import Offer, Spec, Transfer

AUTO = "auto"
OTHERWISE = "full"


@dataclasses.dataclass(frozen=True)
class Auto:
    """The choice of a transfer by the source's family and the number of shots."""

    given: tuple[Any, ...] = ()
    """Options of those transfers that were set, for the one that is chosen."""


class Rule(NamedTuple):
    """One line of a family's rules.

    Attributes:
        most_shots: largest number of shots to which it applies; None for any number. It never applies to a whole set.
        transfer: value of `--transfer` that it chooses.
    """

    most_shots: int | None
    transfer: str


def choose(rules: Sequence[Rule], shots: int | None) -> str:
    """Returns the transfer of the first rule that applies, or full fine-tuning where none does.

    Args:
        rules: rules of the source's family, in the order in which they are tried.
        shots: images to adapt to; None is a whole set.
    Returns:
        A value of `--transfer`.
    """
    if not shots:
        return OTHERWISE
    fitting = (rule.transfer for rule in rules if rule.most_shots is None or shots <= rule.most_shots)
    return next(fitting, OTHERWISE)


def _refuse(options: Auto, network: str, offer: Offer) -> Transfer:
    raise InputError("auto is no transfer before its source is known. Give `resolved` the rules of its family.")


SPEC = Spec(
    name=AUTO,
    options=Auto,
    build=_refuse,
    summary="Chooses a transfer by the kind of the source and the number of shots.",
    alone="auto stands alone. Name it by itself, or leave it out.",
)
