"""What can be typed after `genjax`: one frozen dataclass a verb. The sentence under a field is its help."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from genjax.config import AdaptConfig, TrainConfig

Which = Literal["latest", "best"]


@dataclass(frozen=True)
class TrainCommand:
    """Pretrains a generator on a set of images."""

    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    seeds: int = 1
    """How many times, from --seed on; each run goes into a folder seed-N inside --out."""
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""


@dataclass(frozen=True)
class AdaptCommand:
    """Adapts the generator of a run to another set, of few images or many."""

    config: Annotated[AdaptConfig, tyro.conf.arg(name="")] = field(default_factory=AdaptConfig)
    seeds: int = 1
    """How many times, from --seed on; each run goes into a folder seed-N inside --out."""
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""


@dataclass(frozen=True)
class EvaluateCommand:
    """Judges generated images, of a run or of any other tool, against real ones."""

    run: Path = Path("runs/train")
    """Folder of the run whose samples are judged."""
    data: str = ""
    """The real images, as for train; empty is what the run was trained on."""
    fake: str = ""
    """Instead of --run: folder:PATH, npz:PATH, run:PATH or any other set, of which all images are taken."""
    real: str = ""
    """Instead of --data: the same, or run:PATH."""
    size: int = 0
    """Height and width of both; 0 is what a run or an .npz has, else 32."""
    split: Literal["train", "test", "all"] = "test"
    """Part of the real images; only test is held out."""
    num: int = 0
    """Generated images; 0 is all of a set, and of a run as many as there are real ones."""
    metrics: str = "kd,fd,precision,recall,density,coverage"
    """Which, separated by commas."""
    extractor: str = "embedded-v1"
    """Network whose features are compared."""
    seed: int = 0
    """Of the latents."""
    which: Which = "latest"
    """The latest model of the run, or the best by its evaluations along training."""
    source: Path = Path()
    """Where the run that this one was adapted from lies, if it has been moved."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    json: bool = False
    """Print a JSON list of records and nothing else."""


@dataclass(frozen=True)
class SampleCommand:
    """Draws images from a run: one grid, or one file each in a folder."""

    run: Path = Path("runs/train")
    """Folder of the run."""
    num: int = 64
    """How many."""
    seed: int = 0
    """Of the latents: the same seed shows the same latents in a source and its adaptation."""
    out: Path = Path("grid.png")
    """A .png file for a grid, or a folder (a name without ending) for a file each."""
    scale: int = 1
    """Pixels on the side of each pixel of the grid."""
    which: Which = "latest"
    """The latest model of the run, or the best by its evaluations along training."""
    source: Path = Path()
    """Where the run that this one was adapted from lies, if it has been moved."""
    force: bool = False
    """Write over what is there."""


@dataclass(frozen=True)
class ReportCommand:
    """Writes one self-contained HTML page about a run, or about several compared."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folders of the runs, separated by spaces."""
    out: Path = Path()
    """An .html file or a folder; by default report.html in the run, comparison.html in the first of several."""
    num: int = 500
    """Samples and held-out images in its evaluation, at most."""
    extractor: str = "embedded-v1"
    """Network behind its metrics and nearest images."""
    source: Path = Path()
    """Where the run that these were adapted from lies, if it has been moved."""


@dataclass(frozen=True)
class StabilityCommand:
    """Says how steadily runs got where they got: best and final values, jumps, collapses, over seeds."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folders of the runs, of one setting and different seeds, separated by spaces."""
    metric: str = ""
    """Evaluation to follow, as it is called in metrics.jsonl, lower is better; empty is the kernel distance."""
    json: bool = False
    """Print JSON and nothing else."""


@dataclass(frozen=True)
class DoctorCommand:
    """Says which parts of a run are whole, and what one can go on with. Changes nothing."""

    run: tyro.conf.Positional[Path] = Path("runs/train")
    """Folder of the run."""
    json: bool = False
    """Print JSON and nothing else."""


Command = (
    TrainCommand | AdaptCommand | EvaluateCommand | SampleCommand | ReportCommand | StabilityCommand | DoctorCommand
)
