"""The command line that repeats a run: the options that matter to a reader, and all that are not at their default."""

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from genjax.config import AdaptConfig, ImportConfig, TrainConfig
from genjax.families.family import NoOptions
from genjax.transfer.registry import names, spec_of

# Written even at their default, in this order.
ALWAYS = ("data", "model", "source", "shots", "transfer", "size", "steps", "seed", "out")


def command_line(config: TrainConfig | AdaptConfig | ImportConfig) -> str:
    """Writes `genjax train --data digits ...`, quoted for a shell; parsed again, it gives this config."""
    if isinstance(config, ImportConfig):
        return shlex.join(["genjax", "import", config.checkpoint, "--out", str(config.out)])
    if isinstance(config, TrainConfig):
        family = config.family
        default = TrainConfig(model=family.options())
        words = [*_options(config, default, given={"model": family.name})]
        own = _options(config.model, family.options(), prefix=f"{family.prefix}." if family.prefix else "")
        return shlex.join(["genjax", "train", *words, *own])
    config = dataclasses.replace(config, select=False, candidates=())  # what was selected is named
    words = [*_options(config, AdaptConfig(), given={"transfer": names(config.transfers)})]
    for options in config.transfers:
        group = spec_of(options).group
        if group:
            words += _options(options, type(options)(), prefix=f"{group.replace('_', '-')}.")
    if not isinstance(config.adaptation, NoOptions):
        words += _options(config.adaptation, type(config.adaptation)())
    return shlex.join(["genjax", "adapt", *words])


def _options(config: Any, default: Any, *, prefix: str = "", given: dict[str, str] | None = None) -> Iterator[str]:
    """Yields options and their values; `given` are those that are written otherwise than their fields."""
    given = given or {}
    for field in sorted(dataclasses.fields(config), key=_place):
        value, usual = given.get(field.name, getattr(config, field.name)), getattr(default, field.name)
        name = prefix + field.name.replace("_", "-")
        if field.name == "adaptation" and not prefix:
            continue  # its options are the family's own, and stand alone
        if dataclasses.is_dataclass(value):
            yield from _options(value, usual, prefix=f"{name}.")
        elif value != usual or (not prefix and field.name in ALWAYS):
            yield from _option(name, value)


def _place(field: dataclasses.Field) -> int:
    """Sorts the options that say most to the front."""
    return ALWAYS.index(field.name) if field.name in ALWAYS else len(ALWAYS)


def _option(name: str, value: object) -> Iterator[str]:
    if isinstance(value, bool):
        *groups, last = name.split(".")
        yield f"--{name}" if value else f"--{'.'.join([*groups, f'no-{last}'])}"
        return
    yield f"--{name}"
    yield from map(str, value) if isinstance(value, tuple) else [str(value)]
