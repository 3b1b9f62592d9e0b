"""A public checkpoint as a run: its parameters as a model that can be sampled, judged and adapted."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import jax

from genjax.config.run import KINDS, ImportConfig, config_to_json
from genjax.control import chain
from genjax.errors import InputError, did_you_mean
from genjax.families.learner import TrainState
from genjax.families.public_checkpoint import Converted, PublicCheckpoint
from genjax.families.registry import FAMILIES, model_to_json
from genjax.store.lock import locked
from genjax.store.model import save_model
from genjax.store.public.diffusers import read_diffusers
from genjax.store.run_folder import REPLACE, RunFolder, begin, check_free
from genjax.transfer import full

# {library: (folder, architectures that can be used) -> checkpoint}
READERS: dict[str, Callable[[Path, Collection[str]], PublicCheckpoint]] = {"diffusers": read_diffusers}


def import_checkpoint(config: ImportConfig, *, force: bool = False) -> Converted:
    """Writes the run of a public checkpoint.

    Args:
        config: which one, and where to.
        force: delete a run that is in that folder.
    Returns:
        What was written.
    Raises:
        InputError: a checkpoint that cannot be used, or a folder that is in use; nothing was written then.
    """
    folder = RunFolder(Path(config.out))
    check_free(folder, force=force, advice=REPLACE)
    made = read_public(config.checkpoint)
    with locked(folder.path):
        values: dict[str, Any] = {
            "kind": KINDS[ImportConfig],
            "config": config_to_json(config),
            "model": model_to_json(made.config),
            "data_hash": "",
            "images": 0,
            "source": "",
        }
        begin(folder, values, force=force)
        nothing = dict.fromkeys(made.networks, ())
        state = TrainState(
            step=jax.numpy.zeros((), jax.numpy.int32),
            key=jax.random.key(0),
            trainable=made.networks,
            context=nothing,
            average=made.networks,
            optimizer={},
            control=chain().init(),
        )
        save_model(folder, made.config, state, {network: full() for network in made.networks})
    return made


def read_public(checkpoint: str) -> Converted:
    """Reads a public checkpoint as a model.

    Args:
        checkpoint: library and folder, `diffusers:FOLDER`.
    Raises:
        InputError: a library or an architecture that is not known, or files that cannot be used.
    """
    library, colon, place = checkpoint.partition(":")
    if not colon or not place:
        raise InputError(f"{checkpoint!r} names no checkpoint. Write diffusers:FOLDER.")
    if library not in READERS:
        raise InputError(f"unknown library {library!r}. {did_you_mean(library, list(READERS))}")
    known = {name: convert for family in FAMILIES.values() for name, convert in family.public.items()}
    found = READERS[library](Path(place).expanduser(), known)
    return known[found.architecture](found)
