"""The zoo: small trained models that come with genjax, each a run folder with a card of what it is.

`zoo:NAME` stands for such a folder wherever a run is named. Its files are read only, and their sha256 is checked when
they are loaded, as of every model.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from genjax.errors import InputError, did_you_mean

ZOO = Path(__file__).parent
PREFIX = "zoo:"
CARD = "card.json"


class Card(NamedTuple):
    """The description of a model of the zoo.

    Attributes:
        name: by which it is used, after ``zoo:``.
        summary: what it draws, in a phrase.
        data: what it was trained on.
        licence: of the data, and of the model.
        command: that made it.
        trained: how long, on what, when.
        numbers: what was measured of it, each with its setting.
        sha256: of its parameters, in hex.
    """

    name: str
    summary: str
    data: str
    licence: str
    command: str
    trained: str
    numbers: str
    sha256: str


def run_named(text: str | Path) -> Path:
    """Returns the folder of a run: a path, whose ~ is the home folder, or of the zoo for ``zoo:NAME``.

    Raises:
        InputError: no such model in the zoo.
    """
    named = str(text)
    if not named.startswith(PREFIX):
        return Path(text).expanduser()
    name = named.removeprefix(PREFIX)
    known = [card.name for card in cards()]
    if name not in known:
        raise InputError(f"the zoo has no {name!r}. {did_you_mean(name, known)} See genjax zoo.")
    return ZOO / name


def placed(source: Path, run: Path) -> str:
    """Returns where a source lies as a run keeps it: ``zoo:NAME``, or the way from the folder of the run."""
    whole = source.resolve()
    return f"{PREFIX}{whole.name}" if whole.parent == ZOO.resolve() else os.path.relpath(whole, run.resolve())


def located(kept: str, run: Path) -> Path:
    """Returns the folder that `placed` has written down in a run.

    Raises:
        InputError: no such model in the zoo.
    """
    return run_named(kept) if kept.startswith(PREFIX) else run / kept


def cards() -> list[Card]:
    """Reads the cards of all models, by name."""
    places = sorted(ZOO.glob(f"*/{CARD}"))
    return [Card(**json.loads(place.read_text(encoding="utf-8"))) for place in places]
