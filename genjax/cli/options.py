"""What can be typed after `genjax`: one frozen dataclass a verb. The sentence under a field is its help."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from genjax.config import AdaptConfig, TrainConfig
from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.errors import InputError
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.limits import at_least, check_seed

Which = Literal["latest", "best"]


def shown(metavar: str, without: str) -> Any:
    """How the help shows an option whose default is no value that could be typed, and what happens without it."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"({without})")


Runs = Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("PATH [PATH ...]", "required")]
Texts = Annotated[tuple[str, ...], shown("STR [STR ...]", "default: none")]
Number = Annotated[int | None, shown("INT", "default: 64, or 8 of each text")]
Source = Annotated[Path | None, shown("PATH", "default: where it was then")]
Page = Annotated[Path | None, shown("PATH", "default: report.html in the run, comparison.html in the first of several")]


@dataclass(frozen=True)
class MachineOptions:
    """On what a command computes. It changes nothing of what is computed, and is not kept with a run."""

    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """What to compute on; auto is a TPU or GPU where JAX finds one."""
    distributed: bool = False
    """One of several processes that find each other by themselves: a TPU pod, SLURM, Open MPI or Kubernetes."""
    coordinator: str = ""
    """HOST:PORT of the first of several processes, where they do not find each other by themselves."""
    processes: int = 0
    """How many processes there are; goes with --coordinator."""
    process_id: int = -1
    """Which of them this is, from 0; goes with --coordinator."""

    def __post_init__(self) -> None:
        """Refuses half of what is needed to find the others."""
        given = {
            "--coordinator": self.coordinator != "",
            "--processes": self.processes != 0,
            "--process-id": self.process_id != -1,
        }
        missing = [name for name, there in given.items() if not there]
        if 0 < len(missing) < len(given):
            raise InputError(
                f"{' and '.join(name for name in given if name not in missing)} given without {' and '.join(missing)}."
                " Give all three, or --distributed alone where processes find each other by themselves."
            )
        if missing:
            return
        if self.distributed:
            raise InputError("--distributed finds what --coordinator says. Use one of them.")
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"--coordinator {self.coordinator} is not HOST:PORT, such as 10.0.0.2:8476.")
        at_least("", self, 1, "processes")
        if not 0 <= self.process_id < self.processes:
            raise InputError(
                f"--process-id {self.process_id} of --processes {self.processes}: expected 0 to {self.processes - 1}."
            )


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
    dry_run: bool = False
    """Say what would be trained: shapes, parameters, memory and FLOPs; compile and write nothing."""
    json: bool = False
    """With --dry-run: print JSON and nothing else."""
    machine: Annotated[MachineOptions, tyro.conf.arg(name="")] = field(default_factory=MachineOptions)


@dataclass(frozen=True)
class TextToImageCommand:
    """Trains a model that makes images of sentences: what `train` is with --model text2image."""

    config: Annotated[TextToImageConfig, tyro.conf.arg(name="")] = field(default_factory=TextToImageConfig)
    seeds: int = 1
    """How many times, from --seed on; each run goes into a folder seed-N inside --out."""
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""
    dry_run: bool = False
    """Say what would be trained: shapes, parameters, memory and FLOPs; compile and write nothing."""
    json: bool = False
    """With --dry-run: print JSON and nothing else."""
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """What to compute on; auto is a TPU or GPU where JAX finds one."""


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
    dry_run: bool = False
    """Say what would be trained: shapes, parameters, memory and FLOPs; compile and write nothing."""
    json: bool = False
    """With --dry-run: print JSON and nothing else."""
    machine: Annotated[MachineOptions, tyro.conf.arg(name="")] = field(default_factory=MachineOptions)


@dataclass(frozen=True)
class AdaptTextToImageCommand:
    """Adapts a text-to-image model to another style: what `adapt` is where --source is such a model."""

    config: Annotated[AdaptTextToImageConfig, tyro.conf.arg(name="")] = field(default_factory=AdaptTextToImageConfig)
    seeds: int = 1
    """How many times, from --seed on; each run goes into a folder seed-N inside --out."""
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """What to compute on; auto is a TPU or GPU where JAX finds one."""


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
    source: Source = None
    """Where the run that this one was adapted from lies, if it has been moved."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    json: bool = False
    """Print a JSON list of records and nothing else."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be judged with."""
        check_seed(self)


@dataclass(frozen=True)
class SampleCommand:
    """Draws images from a run: one grid, or one file each in a folder."""

    run: Path = Path("runs/train")
    """Folder of the run; where it comes first, --run may be left out."""
    text: Texts = ()
    """What a text-to-image model is to draw: one text or several, each in quotes."""
    num: Number = None
    """How many."""
    candidates: int = 8
    """With --text: images of which the reranker chooses each; 1 is without a choice."""
    method: Literal["autoregressive", "parallel"] = "autoregressive"
    """With --text: one token after the other, or all of them in a few steps by the masked prior."""
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    """With --text: how tokens are drawn."""
    seed: int = 0
    """Of the latents: the same seed shows the same latents in a source and its adaptation."""
    out: Path = Path("grid.png")
    """A .png file for a grid, or a folder (a name without ending) for a file each."""
    scale: int = 1
    """Pixels on the side of each pixel of the grid."""
    which: Which = "latest"
    """The latest model of the run, or the best by its evaluations along training."""
    source: Source = None
    """Where the run that this one was adapted from lies, if it has been moved."""
    force: bool = False
    """Write over what is there."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        check_seed(self)


@dataclass(frozen=True)
class ReportCommand:
    """Writes one self-contained HTML page about a run, or about several compared."""

    runs: Runs = ()
    """Folders of the runs, separated by spaces."""
    out: Page = None
    """An .html file or a folder."""
    num: int = 500
    """Samples and held-out images in its evaluation, at most."""
    extractor: str = "embedded-v1"
    """Network behind its metrics and nearest images."""
    source: Source = None
    """Where the run that these were adapted from lies, if it has been moved."""


@dataclass(frozen=True)
class StabilityCommand:
    """Says how steadily runs got where they got: best and final values, jumps, collapses, over seeds."""

    runs: Runs = ()
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
    TrainCommand
    | TextToImageCommand
    | AdaptCommand
    | AdaptTextToImageCommand
    | EvaluateCommand
    | SampleCommand
    | ReportCommand
    | StabilityCommand
    | DoctorCommand
)
