"""Options that were typed and that nothing would read: a mistake on a command line, and none in a script.

In Python a config may carry what this run does not use; who types `--lora.rank 8` means it.
"""

import dataclasses
from typing import Any

from genjax.config import AdaptConfig, TrainConfig
from genjax.errors import InputError
from genjax.train.choice import AUTO
from genjax.train.recipes import transfer_names

READERS = {  # option group -> the transfers that read it
    "freeze": ("freeze",),
    "lora": ("lora",),
    "l2_sp": ("l2_sp",),
    "ewc": ("ewc", "kernel_modulation"),
    "miner": ("miner",),
    "cdc": ("cdc",),
    "modulation": ("kernel_modulation",),
    "replay": ("replay",),
}


def check_read(config: TrainConfig | AdaptConfig) -> None:
    """Raises InputError for an option, not at its default, of networks or of a transfer that this run does not have."""
    if isinstance(config, TrainConfig):
        unread = {family: getattr(config, family) for family in ("gan", "vae") if family != config.model}
        reason = f"with --model {config.model}"
    else:
        names = () if config.transfer == AUTO else transfer_names(config)
        groups = [group for group, readers in READERS.items() if not set(readers) & set(names)]
        unread = {group: getattr(config, group) for group in groups if config.transfer != AUTO}
        reason = f"with --transfer {config.transfer}"
    for group, given in unread.items():
        for field in _changed(given):
            option = f"--{group}.{field}".replace("_", "-")
            raise InputError(f"{option} does nothing {reason}. Leave it out.")


def _changed(given: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(given) if getattr(given, field.name) != field.default]
