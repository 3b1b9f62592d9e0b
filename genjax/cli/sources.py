"""`genjax sources`: says which sources suit some shots, before anything is trained."""

import json
from dataclasses import dataclass
from typing import Annotated

import tyro

from genjax.cli.options.shown import shown
from genjax.terminal import result, table

Named = Annotated[tyro.conf.Positional[tuple[str, ...]], shown("PATH [PATH ...]", "default: the zoo and runs")]
Shots = Annotated[int | None, shown("INT", "default: all")]


@dataclass(frozen=True)
class SourcesCommand:
    """Ranks sources for an adaptation by how near what they draw is to the shots, before anything is trained."""

    sources: Named = ()
    """Folders of runs, or zoo:NAME, separated by spaces; none is the whole zoo and the runs in the folder runs."""
    data: str = "digits"
    """The set that is to be adapted to, as for adapt."""
    shots: Shots = None
    """Images of it that are the shots, as for adapt."""
    shots_of: str = ""
    """Classes of one character each whose images are the shots instead, such as ADGMRaegkt of a font."""
    num: int = 200
    """Images that each source draws."""
    seed: int = 0
    """Seed of the shots and of the latents."""
    json: bool = False
    """Print a JSON list and nothing else."""


def run_sources(command: SourcesCommand) -> int:
    """Prints the ranking, the best first, as a table or JSON."""
    from genjax.evaluate.sources import rank_sources

    found = rank_sources(
        command.data,
        shots=command.shots,
        shots_of=command.shots_of,
        sources=command.sources,
        num=command.num,
        seed=command.seed,
    )
    if command.json:
        result(json.dumps([one._asdict() for one in found], indent=2))
        return 0
    rows = [(one.source, one.kind, *map(_number, (one.distance, one.recall, one.fit))) for one in found]
    result(table(("source", "kind", "distance", "recall", "fit"), rows))
    for one in found:
        if one.refused:
            result(f"{one.source}: {one.refused}")
    return 0


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
