"""`genjax doctor`: says which parts of a run are whole."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from genjax.terminal import result, say


@dataclass(frozen=True)
class DoctorCommand:
    """Says which parts of a run are whole, and what one can go on with. Changes nothing."""

    run: tyro.conf.Positional[Path] = Path("runs/train")
    """Folder of the run."""
    json: bool = False
    """Print JSON and nothing else."""


def run_doctor(command: DoctorCommand) -> int:
    """Prints what was found; returns 1 where something is damaged."""
    from genjax.store.doctor import diagnose, to_json

    found = diagnose(command.run)
    if command.json:
        result(to_json(command.run, found))
        return 0 if found.healthy else 1
    rows = [(finding.part, "whole" if finding.whole else "DAMAGED", finding.note) for finding in found.findings]
    result("\n".join(f"{part:<24}  {state:<7}  {note}".rstrip() for part, state, note in rows))
    if found.in_use:
        say(f"in use: {found.in_use} trains here")
    start = "nothing to resume from" if found.resume_from is None else f"can be resumed from step {found.resume_from}"
    say(f"{start}; {'can be sampled (' + ', '.join(found.sampled_from) + ')' if found.sampled_from else 'no model'}")
    return 0 if found.healthy else 1
