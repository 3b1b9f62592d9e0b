"""genjax train | adapt | evaluate | sample | report: a thin shell that reads options and calls one function."""

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import tyro

from genjax import backend
from genjax.config import AdaptConfig, RunConfig, TrainConfig
from genjax.errors import InputError
from genjax.terminal import result, say, table

Which = Literal["latest", "best"]


@dataclass(frozen=True)
class TrainCommand:
    """Pretrains a generator on a set of images."""

    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""


@dataclass(frozen=True)
class AdaptCommand:
    """Adapts the generator of a run to another set, of few images or many."""

    config: Annotated[AdaptConfig, tyro.conf.arg(name="")] = field(default_factory=AdaptConfig)
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


Command = TrainCommand | AdaptCommand | EvaluateCommand | SampleCommand | ReportCommand


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Returns:
        The exit code: 0, 2 for input that cannot be used, 128 + n when signal n stopped it.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    backend.prepare()
    try:
        command = parse(arguments)
        match command:
            case TrainCommand() | AdaptCommand():
                return run_training(command)
            case EvaluateCommand():
                return run_evaluation(command)
            case SampleCommand():
                return run_sampling(command)
            case ReportCommand():
                return run_report(command)
    except InputError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("stopped")
        return 130


def parse(arguments: Sequence[str]) -> Command:
    """The command that these arguments ask for. A resumed run's own settings are the defaults of its options.

    Raises:
        InputError: a value that a config refuses, or nothing to resume.
        SystemExit: for --help, and for options that do not exist.
    """
    defaults: dict[str, Any] = {
        "train": TrainCommand(),
        "adapt": AdaptCommand(),
        "evaluate": EvaluateCommand(),
        "sample": SampleCommand(),
        "report": ReportCommand(),
    }
    verb = arguments[0] if arguments else "--help"
    if verb in ("train", "adapt") and "--resume" in arguments:
        defaults[verb] = type(defaults[verb])(_resumed(arguments[1:], defaults[verb].config))
    choices: Any = tuple(
        Annotated[type(default), tyro.conf.subcommand(name, default=default)] for name, default in defaults.items()
    )
    command: Any = Union[choices]  # noqa: UP007 - a union made at run time
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                command,
                prog="genjax",
                description="Adaptive image generation in JAX.",
                args=list(arguments) or ["--help"],
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as exit_:
        # tyro draws a box around a ValueError of a nested config; the line inside it is what the user needs.
        refused = _cause(exit_)
        if refused is not None:
            raise refused from None
        sys.stderr.write(complaint.getvalue())
        raise


def _cause(error: BaseException | None) -> InputError | None:
    while error is not None and not isinstance(error, InputError):
        error = error.__context__
    return error


def _resumed(arguments: Sequence[str], default: TrainConfig | AdaptConfig) -> RunConfig:
    from genjax.train.plan import saved_config
    from genjax.train.run_folder import RunFolder

    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reader.add_argument("--out", type=Path, default=default.out)
    folder = RunFolder(reader.parse_known_args(arguments)[0].out)
    return saved_config(folder, type(default))


def run_training(command: TrainCommand | AdaptCommand) -> int:
    """Trains or adapts, and says how to go on."""
    from genjax.train import adapt, train

    config = command.config
    if isinstance(config, AdaptConfig):
        verb, outcome = "adapt", adapt(config, resume=command.resume, force=command.force)
    else:
        verb, outcome = "train", train(config, resume=command.resume, force=command.force)
    if outcome.signal is not None:
        say(f"stopped by {outcome.signal.name} at step {int(outcome.state.step)}; everything is saved.")
        say(f"go on with: genjax {verb} --out {config.out} --resume")
        return 128 + outcome.signal
    result(str(outcome.folder.path))
    return 0


def run_evaluation(command: EvaluateCommand) -> int:
    """Evaluates, and prints a table or JSON."""
    from genjax.train.plan import saved_data
    from genjax.train.run_folder import RunFolder
    from genjax.train.runs import judge

    records = judge(
        command.fake or f"run:{command.run}",
        command.real or command.data or saved_data(RunFolder(command.run)),
        size=command.size,
        split=command.split,
        num=command.num,
        metrics=command.metrics.split(","),
        extractor=command.extractor,
        seed=command.seed,
        which=command.which,
        source=_given(command.source),
    )
    if command.json:
        result(json.dumps([record.to_json() for record in records], indent=2))
    else:
        result(record_table(records))
    return 0


def run_sampling(command: SampleCommand) -> int:
    """Samples, and writes the grid or the folder."""
    from genjax.report.grid import image_grid, save_image, save_images
    from genjax.train.runs import sample_run

    if command.out.exists() and not command.force:
        raise InputError(f"--out {command.out} exists already. Use --force to write over it, or another name.")
    if command.out.suffix.lower() not in (".png", ""):
        raise InputError(f"--out {command.out} ends in {command.out.suffix}. Use .png for a grid, or no ending.")
    images = sample_run(command.run, command.num, seed=command.seed, which=command.which, source=_given(command.source))
    if command.out.suffix:
        save_image(command.out, image_grid(images), scale=command.scale)
    else:
        save_images(command.out, images)
    result(str(command.out))
    return 0


def run_report(command: ReportCommand) -> int:
    """Writes the report, and prints where it is."""
    from genjax.train.reporting import write_report

    if not command.runs:
        raise InputError("no run was named. Name one or more: genjax report runs/digits.")
    written = write_report(
        command.runs,
        _given(command.out),
        source=_given(command.source),
        extractor=command.extractor,
        num=command.num,
    )
    result(str(written))
    return 0


def _given(path: Path) -> Path | None:
    return None if path == Path() else path


def record_table(records: Sequence[Any]) -> str:
    """Records for a person: name, value, interval, sample counts."""
    rows = [
        (
            record.name,
            f"{record.value:.4f}",
            "" if record.interval is None else "{:.4f} .. {:.4f}".format(*record.interval),
            str(record.n_real),
            str(record.n_fake),
        )
        for record in records
    ]
    return table(("metric", "value", "95 % interval", "real", "generated"), rows)
