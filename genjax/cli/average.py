"""`genjax average`: rebuilds a moving average of another width from those that a run has kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.options.shown import Source, shown
from genjax.terminal import result, say

Rebuilt = Annotated[Path | None, shown("PATH", "default: RUN-average-WIDTH")]


@dataclass(frozen=True)
class AverageCommand:
    """Rebuilds a moving average of the parameters after training, of any width, as a run of its own."""

    run: tyro.conf.Positional[Path] = Path("runs/train")
    """Folder of a run that kept averages along its training."""
    sigma_rel: float = 0.1
    """Width of the average as a share of the training: 0.05 is the latest parameters nearly, 0.2 a long average."""
    out: Rebuilt = None
    """Folder of the new run, to be sampled, evaluated and adapted."""
    source: Source = None
    """Folder of the run that this one was adapted from, if it has been moved."""
    force: bool = False
    """Delete a run that is in the folder of --out."""


def run_average(command: AverageCommand) -> int:
    """Rebuilds the average, and says how near it is."""
    from genjax.training.rebuild import rebuild_average

    made = rebuild_average(command.run, command.sigma_rel, out=command.out, source=command.source, force=command.force)
    say(
        f"average of width {command.sigma_rel:g} at step {made.step}, of those kept at {made.kept} steps; its weights"
        f" over the steps, and half precision, make it {made.error:.1%} off"
    )
    result(str(made.out))
    return 0
