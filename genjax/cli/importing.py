"""`genjax import`: makes a run of a public checkpoint, to sample, adapt and evaluate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.options.shown import shown
from genjax.errors import InputError
from genjax.terminal import result, say, warn

Checkpoint = Annotated[tyro.conf.Positional[str], shown("LIBRARY:FOLDER", "required")]


@dataclass(frozen=True)
class ImportCommand:
    """Makes a run of a public checkpoint that lies on this machine, to sample, adapt and evaluate."""

    checkpoint: Checkpoint = ""
    """diffusers:FOLDER, with config.json and .safetensors of a UNet2DModel. Nothing is downloaded or executed."""
    out: Path = Path("runs/import")
    """Folder of the run."""
    force: bool = False
    """Delete a run that is in that folder."""


def run_import(command: ImportCommand) -> int:
    """Imports, and says what was read and how to go on."""
    from genjax.config.run import ImportConfig
    from genjax.store.public.imported import import_checkpoint
    from genjax.tree import count

    if not command.checkpoint:
        raise InputError("no checkpoint was named. Name one: genjax import diffusers:FOLDER.")
    made = import_checkpoint(ImportConfig(command.checkpoint, command.out), force=command.force)
    for note in made.notes:
        warn(note)
    size, numbers = made.config.size, count(made.networks)
    say(f"{command.checkpoint}: {size}x{size}x{made.config.channels} pixels, {numbers:,} parameters")
    say(f"go on with: genjax adapt --source {command.out} --data SET --shots 10")
    result(str(command.out))
    return 0
