"""The verbs of `genjax`: a thin shell that calls one function for each."""

import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from genjax.cli.options import (
    AdaptCommand,
    AdaptTextToImageCommand,
    DoctorCommand,
    EvaluateCommand,
    MachineOptions,
    ReportCommand,
    SampleCommand,
    StabilityCommand,
    TextToImageCommand,
    TrainCommand,
)
from genjax.cli.parse import parse
from genjax.config.model import TEXT_TO_IMAGE
from genjax.devices import backend
from genjax.errors import InputError, StorageError
from genjax.terminal import result, say, table, warn

FIGURES = ("best", "final", "ratio", "late_deviation", "worst_jump", "collapse_step", "not_finite")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Returns:
        The exit code: 0, 1 for a run that its disk or its own collapse ended, 2 for input that cannot be used, 128 + n
        when signal n stopped it.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    backend.prepare()
    warnings.showwarning = lambda message, *_, **__: warn(str(message))  # a line, without the place in the code
    backend.mend_cache()
    try:
        command = parse(arguments)
        match command:
            case TrainCommand() | AdaptCommand():
                return run_training(command)
            case TextToImageCommand() | AdaptTextToImageCommand():
                return run_text_to_image(command)
            case EvaluateCommand():
                return run_evaluation(command)
            case SampleCommand():
                return run_sampling(command)
            case ReportCommand():
                return run_report(command)
            case StabilityCommand():
                return run_stability(command)
            case DoctorCommand():
                return run_doctor(command)
    except InputError as error:
        say(f"error: {error}")
        return 2
    except StorageError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except BrokenPipeError:  # `genjax ... | head`: who reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def run_text_to_image(command: TextToImageCommand | AdaptTextToImageCommand) -> int:
    """Trains or adapts a text-to-image model, from one seed or several, and says how to go on."""
    from genjax.cli.unused_options import check_read_of_text
    from genjax.training.adapt_text_to_image import adapt_text_to_image
    from genjax.training.text_to_image import train_text_to_image

    prepare_machine(MachineOptions(device=command.device))
    config: Any = command.config
    if not command.resume:
        check_read_of_text(config)
    if isinstance(command, AdaptTextToImageCommand):
        verb, run = "adapt", adapt_text_to_image
    else:
        verb, run = f"train --model {TEXT_TO_IMAGE}", train_text_to_image
        check_json(command)
        if command.dry_run:
            return rehearse_training(command)
    outcomes = each_seed(run, command)
    last = outcomes[-1]
    if last.signal is not None:
        say(f"stopped by {last.signal.name} in the stage {last.stage}; everything is saved.")
        say(way_on(verb, command))
        return 128 + last.signal
    for outcome in outcomes:
        if outcome.collapse:
            say(f"{outcome.folder}: {outcome.collapse}")
    result("\n".join(str(outcome.folder) for outcome in outcomes))
    return 1 if any(outcome.collapse for outcome in outcomes) else 0


def run_training(command: TrainCommand | AdaptCommand) -> int:
    """Trains or adapts, from one seed or several, and says how to go on."""
    from genjax.cli.unused_options import check_read
    from genjax.devices.processes import is_first
    from genjax.training.loop import adapt, train
    from genjax.training.seeds import steadiness

    prepare_machine(command.machine)
    verb, run = ("adapt", adapt) if isinstance(command, AdaptCommand) else ("train", train)
    config: Any = command.config
    if not command.resume:
        check_read(config)
    check_json(command)
    if command.dry_run:
        return rehearse_training(command)
    outcomes = each_seed(run, command)
    last = outcomes[-1]
    if not is_first():
        return 128 + last.signal if last.signal is not None else int(bool(last.collapse))
    if last.signal is not None:
        say(f"stopped by {last.signal.name} at step {int(last.state.step)}; everything is saved.")
        say(way_on(verb, command))
        return 128 + last.signal
    for outcome in outcomes:
        if outcome.collapse:
            say(f"{outcome.folder.path}: {outcome.collapse}")
    evaluated = [outcome.folder.path for outcome in outcomes if outcome.evaluations > 1]
    if len(evaluated) > 1:
        say(stability_table(steadiness(evaluated)))
    result("\n".join(str(outcome.folder.path) for outcome in outcomes))
    return 1 if any(outcome.collapse for outcome in outcomes) else 0


def each_seed(
    run: Callable[..., Any], command: TrainCommand | AdaptCommand | TextToImageCommand | AdaptTextToImageCommand
) -> list[Any]:
    """How the run from each seed ended, one after the other, until a signal stops one."""
    from genjax.training.seeds import run_seeds

    if command.seeds == 1:
        return [run(command.config, resume=command.resume, force=command.force)]
    return run_seeds(run, command.config, command.seeds, resume=command.resume, force=command.force)


def way_on(verb: str, command: TrainCommand | AdaptCommand | TextToImageCommand | AdaptTextToImageCommand) -> str:
    """How to go on after a stop."""
    several = f" --seeds {command.seeds}" if command.seeds > 1 else ""
    machine = of_machine(command.machine) if isinstance(command, TrainCommand | AdaptCommand) else ""
    return f"go on with: genjax {verb} --out {command.config.out}{several}{machine} --resume"


def of_machine(machine: MachineOptions) -> str:
    """The options that say how the processes of a run find each other: a run does not keep them."""
    if machine.coordinator:
        return f" --coordinator {machine.coordinator} --processes {machine.processes} --process-id {machine.process_id}"
    return " --distributed" if machine.distributed else ""


def check_json(command: TrainCommand | AdaptCommand | TextToImageCommand) -> None:
    """Raises InputError for --json of what is not a rehearsal."""
    if command.json and not command.dry_run:
        raise InputError("--json goes with --dry-run: what training says is in metrics.jsonl. Leave it out.")


def rehearse_training(command: TrainCommand | AdaptCommand | TextToImageCommand) -> int:
    """Says what would be trained."""
    from genjax.training.dry_run import described, rehearse
    from genjax.training.dry_run_text_to_image import described_text_to_image, rehearse_text_to_image

    if isinstance(command, TextToImageCommand):
        found = rehearse_text_to_image(command.config, resume=command.resume, force=command.force)
        shown = described_text_to_image(found)
    else:
        found = rehearse(command.config, resume=command.resume, force=command.force)
        shown = described(found)
    result(json.dumps(found) if command.json else shown)
    return 0


def prepare_machine(machine: MachineOptions) -> None:
    """Joins the other processes and chooses the device, before JAX computes anything.

    Raises:
        InputError: there is no such device, or the others are not to be found.
    """
    from genjax.devices.processes import connect, meet

    backend.choose_device(machine.device)
    if machine.coordinator:
        connect(machine.coordinator, machine.processes, machine.process_id)
    elif machine.distributed:
        connect()
    backend.check_device(machine.device)
    meet()


def run_evaluation(command: EvaluateCommand) -> int:
    """Evaluates, and prints a table or JSON."""
    from genjax.evaluate.run import judge
    from genjax.store.run_folder import RunFolder
    from genjax.training.plan import saved_data

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
        source=command.source,
        skip_broken=command.skip_broken,
    )
    if command.json:
        result(json.dumps([record.to_json() for record in records], indent=2))
    else:
        result(record_table(records))
    return 0


def run_sampling(command: SampleCommand) -> int:
    """Samples, and writes the grid or the folder."""
    from genjax.cli.unused_options import check_read_of_sampling
    from genjax.evaluate.sampling import sample_run, sample_texts
    from genjax.report.draw.grid import image_grid, save_image, save_images

    check_read_of_sampling(command)
    if command.out.exists() and not command.force:
        raise InputError(f"--out {command.out} exists already. Use --force to write over it, or another name.")
    if command.out.suffix.lower() not in (".png", ""):
        raise InputError(f"--out {command.out} ends in {command.out.suffix}. Use .png for a grid, or no ending.")
    columns, source = 0, command.source
    if command.text:
        columns = 8 if command.num is None else command.num
        images = sample_texts(
            command.run,
            command.text,
            columns,
            seed=command.seed,
            candidates=command.candidates,
            method=command.method,
            decoding=command.decoding,
        )
    else:
        num = 64 if command.num is None else command.num
        images = sample_run(command.run, num, seed=command.seed, which=command.which, source=source)
    try:
        if command.out.suffix:
            command.out.parent.mkdir(parents=True, exist_ok=True)
            save_image(command.out, image_grid(images, columns=columns), scale=command.scale)
        else:
            save_images(command.out, images)
    except OSError as error:
        raise InputError(f"--out {command.out} cannot be written ({error}). Name another place.") from None
    result(str(command.out))
    return 0


def run_report(command: ReportCommand) -> int:
    """Writes the report, and prints where it is."""
    from genjax.report.gather import write_report

    if not command.runs:
        raise InputError("no run was named. Name one or more: genjax report runs/digits.")
    written = write_report(
        command.runs,
        command.out,
        source=command.source,
        extractor=command.extractor,
        num=command.num,
    )
    result(str(written))
    return 0


def run_stability(command: StabilityCommand) -> int:
    """Prints the figures of each run and over all of them, as a table or JSON."""
    from genjax.training.seeds import steadiness

    found = steadiness(command.runs, command.metric)
    if command.json:
        runs = {name: {key: _number(value) for key, value in run._asdict().items()} for name, run in found.runs.items()}
        summary = {figure: [_number(value) for value in pair] for figure, pair in found.summary.items()}
        result(json.dumps({"metric": found.metric, "runs": runs, "summary": summary}, indent=2))
    else:
        result(stability_table(found))
    return 0


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


def _number(value: float | None) -> float | None:
    """JSON has no NaN."""
    return None if value is None or math.isnan(value) else value


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


def stability_table(found: Any) -> str:
    """Figures of several runs for a person: a line a run, then mean and standard deviation."""
    rows = [
        (name, *("" if (value := getattr(run, figure)) is None else f"{value:.4g}" for figure in FIGURES))
        for name, run in found.runs.items()
    ]
    means = [found.summary.get(figure, found.summary["collapses"]) for figure in FIGURES]
    for row, (name, column) in enumerate((("mean", 0), ("sd", 1))):
        cells = [f"{pair[column]:.4g}" for pair in means]
        cells[FIGURES.index("collapse_step")] = f"{means[5][0]:.0%} of runs" if row == 0 else ""
        rows.append((name, *cells))
    header = (found.metric.removeprefix("evaluate/"), *(figure.replace("_", " ") for figure in FIGURES))
    return table(header, rows)
