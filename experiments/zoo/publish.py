"""Puts a trained run into the zoo: its parameters in 16 bits, what describes them, and a card.

    python experiments/zoo/publish.py --run runs/fonts32-flow --name fonts32-flow --summary "..." --data "..." \
        --licence "..." --command "..." --trained "..." --numbers "..."
    python experiments/zoo/publish.py --quick     # the first model of the zoo, into a temporary folder
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.weights import packed
from genjax.errors import InputError
from genjax.json_config import read_json
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder, write_bytes, write_json
from genjax.terminal import result, say
from genjax.zoo.cards import CARD, ZOO, Card, cards


@dataclass(frozen=True)
class Publish:
    """Puts a trained run into the zoo."""

    run: Path = Path("runs/train")
    """Its folder."""
    name: str = ""
    """Name in the zoo."""
    summary: str = ""
    """Its pictures, in a phrase."""
    data: str = ""
    """Its training set."""
    licence: str = ""
    """Of the data, and of the model."""
    command: str = ""
    """That made it."""
    trained: str = ""
    """Its training: duration, machine and date."""
    numbers: str = ""
    """Its measured numbers, each with its setting."""
    quick: bool = False
    """Put the first model of the zoo into a temporary folder, to see that it comes out the same."""


def main(settings: Publish) -> int:
    """Writes the folder; returns the exit code."""
    said, zoo = [field for field in Card._fields if field != "sha256"], ZOO
    if settings.quick:
        card, zoo = cards()[0], Path(tempfile.mkdtemp(prefix="genjax-zoo-"))
        known = {field: getattr(card, field) for field in said}
        settings = Publish(run=ZOO / card.name, **known)
    missing = [field for field in said if not getattr(settings, field)]
    if missing:
        raise InputError(f"a card needs --{', --'.join(missing)}. Say all of them.")
    identity = publish(settings, RunFolder(zoo / settings.name))
    card = Card(**{field: getattr(settings, field) for field in said}, sha256=identity)
    write_bytes(zoo / settings.name / CARD, (json.dumps(card._asdict(), indent=2) + "\n").encode())
    size = sum(path.stat().st_size for path in (zoo / settings.name).rglob("*") if path.is_file())
    say(f"{size / 1e6:.2f} MB, sha256 {identity}")
    result(str(zoo / settings.name))
    return 0


def publish(settings: Publish, place: RunFolder) -> str:
    """Writes parameters and what describes them; returns the identity of the model."""
    model, folder = load_model(settings.run), RunFolder(settings.run)
    described = read_json(folder.model() / "model.json")
    place.model().mkdir(parents=True, exist_ok=True)
    for old in place.model().glob("*.safetensors"):
        old.unlink()
    for network, tree in model.params().items():
        content, sha256 = packed(tree)
        file = f"{network}-{model.step:06d}-{sha256[:8]}.safetensors"
        write_bytes(place.model() / file, content)
        described["networks"][network] = {"file": file, "sha256": sha256, "whole": True}
    write_json(place.model() / "model.json", described)
    config = read_json(folder.config)
    # As if it had been asked for as many steps as it took, and no path of the machine that it was made on.
    config["config"] |= {"out": f"zoo:{settings.name}", "steps": model.step}
    write_json(place.config, config)
    return load_model(place.path).identity


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Publish, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
