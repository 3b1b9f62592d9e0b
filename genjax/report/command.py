"""The command line that repeats a run: the options that matter to a reader, and all that are not at their default."""

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from genjax.config import AdaptConfig, AdaptTextToImageConfig, TextToImageConfig, TrainConfig

AnyConfig = TrainConfig | AdaptConfig | TextToImageConfig | AdaptTextToImageConfig

# Written even at their default, in this order.
ALWAYS = ("data", "model", "source", "shots", "transfer", "size", "steps", "seed", "out")


def command_line(config: AnyConfig) -> str:
    """Writes `genjax train --data digits ...`, quoted for a shell; parsed again, it gives this config."""
    verb = "adapt" if isinstance(config, AdaptConfig | AdaptTextToImageConfig) else "train"
    return shlex.join(["genjax", verb, *_options(config, type(config)())])


def _options(config: Any, default: Any, prefix: str = "") -> Iterator[str]:
    for field in sorted(dataclasses.fields(config), key=_place):
        value, usual = getattr(config, field.name), getattr(default, field.name)
        name = prefix + field.name.replace("_", "-")
        if dataclasses.is_dataclass(value):
            yield from _options(value, usual, f"{name}.")
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
