"""Options that were typed and that nothing would read: a mistake on a command line, and none in a script.

In Python a config may carry what this run does not use; who types `--lora.rank 8` means it.
"""

import dataclasses
from typing import Any

from genjax.config import AdaptConfig, AdaptTextToImageConfig, TextToImageConfig, TrainConfig
from genjax.errors import InputError
from genjax.families.recipes import named, transfer_names
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.families.text_to_image.prior_recipes import PRIOR_RECIPES, prior_transfer
from genjax.transfer.auto import AUTO

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


def check_read_of_text(config: TextToImageConfig | AdaptTextToImageConfig) -> None:
    """The same for a text-to-image model, and for its adaptation."""
    if isinstance(config, TextToImageConfig):
        kind, other = config.tokenizer.kind, "dvae" if config.tokenizer.kind == "vq" else "vq"
        for field in _changed(getattr(config.tokenizer, other)):
            raise InputError(
                f"--tokenizer.{other}.{field.replace('_', '-')} does nothing with --tokenizer.kind {kind}."
                " Leave it out."
            )
        if config.text == "words" and "text_size" in _changed(config):
            raise InputError("--text-size is of byte pairs, and --text words has a word each. Leave it out.")
        return
    prior_transfer(config)  # says what is wrong with the name
    names = named(config.transfer, PRIOR_RECIPES)
    for group in ("lora", "l2_sp"):
        for field in _changed(getattr(config, group)) if group not in names else ():
            option = f"--{group}.{field}".replace("_", "-")
            raise InputError(f"{option} does nothing with --transfer {config.transfer}. Leave it out.")
    if "freeze" not in names and "freeze" in _changed(config):
        raise InputError(f"--freeze does nothing with --transfer {config.transfer}. Leave it out.")


def check_read_of_sampling(command: Any) -> None:
    """The same for what is drawn: a text-to-image model reads other options than a GAN or a VAE."""
    given = {*_changed(command), *(["decoding"] if command.decoding != DecodingConfig() else [])}
    if command.text and command.method == "autoregressive":
        for name in {"steps", "choice_temperature"} & set(_changed(command.decoding)):
            option = f"--decoding.{name}".replace("_", "-")
            raise InputError(f"{option} does nothing with --method autoregressive. Leave it out.")
    unread = ("which", "source") if command.text else ("candidates", "method", "decoding")
    for name in unread:
        if name in given:
            raise InputError(f"--{name} does nothing {'with' if command.text else 'without'} --text. Leave it out.")


def _changed(given: Any) -> list[str]:
    """The plain fields that are not at their defaults; groups of options are asked by themselves."""
    return [
        field.name
        for field in dataclasses.fields(given)
        if field.default is not dataclasses.MISSING and getattr(given, field.name) != field.default
    ]
