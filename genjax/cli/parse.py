"""From a command line to a command: options, a resumed run's own settings, and one clear line where they are wrong."""

import argparse
import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union

import tyro

from genjax.cli.options import (
    AdaptCommand,
    AdaptTextToImageCommand,
    Command,
    DoctorCommand,
    EvaluateCommand,
    ReportCommand,
    SampleCommand,
    StabilityCommand,
    TextToImageCommand,
    TrainCommand,
)
from genjax.config import AdaptConfig, RunConfig, TrainConfig
from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.errors import InputError, did_you_mean


def parse(arguments: Sequence[str]) -> Command:
    """The command that these arguments ask for. A resumed run's own settings are the defaults of its options.

    Raises:
        InputError: a value that a config refuses, an option that does not exist, or nothing to resume.
        SystemExit: for --help.
    """
    defaults: dict[str, Any] = {
        "train": TrainCommand(),
        "adapt": AdaptCommand(),
        "evaluate": EvaluateCommand(),
        "sample": SampleCommand(),
        "report": ReportCommand(),
        "stability": StabilityCommand(),
        "doctor": DoctorCommand(),
    }
    verb = arguments[0] if arguments else "--help"
    if verb == "sample" and len(arguments) > 1 and not arguments[1].startswith("-"):
        arguments = [verb, "--run", *arguments[1:]]
    if verb == "train" and _means_text_to_image(arguments[1:]):
        defaults[verb] = TextToImageCommand(_resumed_text_to_image(arguments[1:]))
    elif verb == "adapt" and _adapts_text_to_image(arguments[1:]):
        defaults[verb] = AdaptTextToImageCommand(_resumed_text_adaptation(arguments[1:]))
    elif verb in ("train", "adapt") and "--resume" in arguments:
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
        if exit_.code == 0 or not complaint.getvalue():
            raise
        raise InputError(_in_a_line(complaint.getvalue(), verb, list(defaults))) from None


def _in_a_line(complaint: str, verb: str, verbs: list[str]) -> str:
    """What tyro says in a box about a command line that it cannot read."""
    if verb not in verbs:
        return f"unknown verb {verb!r}. {did_you_mean(verb, verbs)}"
    lines = [line.strip("│| ") for line in complaint.splitlines()]
    lines = ["" if re.fullmatch(r"\W*", line) else line for line in lines]  # the box, which need not be of Unicode
    said = " ".join(itertools.takewhile(bool, itertools.dropwhile(lambda line: not line, lines[1:])))
    wrong = re.match(r"Unrecognized (?:or misplaced )?options: ([^\s,]+)", said)
    if wrong:
        kind = "option" if wrong[1].startswith("-") else "argument"
        near = [option for option in _near_options(lines, verb) if option != wrong[1]]
        said = f"unknown {kind} {wrong[1]}." + (f" Did you mean {near[0]}?" if near else "")
    return f"{said.rstrip()} See genjax {verb} --help."


def _near_options(lines: Sequence[str], verb: str) -> list[str]:
    """Options of this verb that tyro thinks of; below each it says which verbs have it."""
    found, option = [], ""
    for line in itertools.dropwhile(lambda line: "Perhaps you meant" not in line, lines):
        option = line.split()[0] if line.startswith("--") else option
        if line == f"in genjax {verb} --help":
            found.append(option)
    return found


def _cause(error: BaseException | None) -> InputError | None:
    while error is not None and not isinstance(error, InputError):
        error = error.__context__
    return error


def _resumed(arguments: Sequence[str], default: TrainConfig | AdaptConfig) -> RunConfig:
    """The settings of the run that is gone on with; of several seeds, those of the first that was begun."""
    from genjax.store.run_folder import RunFolder
    from genjax.training.plan import saved_config

    out = Path(_given_options(arguments, "--out")["--out"] or default.out)
    return dataclasses.replace(saved_config(RunFolder(_first(out)), type(default)), out=out)


def _first(out: Path) -> Path:
    """The run in a folder, or where --seeds has made several in it, the first of them."""
    from genjax.store.run_folder import RunFolder, is_run
    from genjax.training.seeds import of_each_seed

    begun = [run for run in of_each_seed([out]) if is_run(RunFolder(run))]
    return begun[0] if begun else out


def _means_text_to_image(arguments: Sequence[str]) -> bool:
    """Whether `train` is asked for a text-to-image model, or to go on with one."""
    given = _given_options(arguments, "--model", "--out")
    if given["--model"] or "--resume" not in arguments or not given["--out"]:
        return given["--model"] == TEXT_TO_IMAGE
    from genjax.families.text_to_image.model import is_text_to_image

    return is_text_to_image(_first(Path(given["--out"])))


def _resumed_text_to_image(arguments: Sequence[str]) -> TextToImageConfig:
    """The settings of the training that is gone on with; the default ones where a new one begins."""
    if "--resume" not in arguments:
        return TextToImageConfig()
    from genjax.training.text_to_image import saved_text_to_image

    out = Path(_given_options(arguments, "--out")["--out"] or TextToImageConfig().out)
    return dataclasses.replace(saved_text_to_image(_first(out)), out=out)


def _adapts_text_to_image(arguments: Sequence[str]) -> bool:
    """Whether `adapt` starts from a text-to-image model, or is asked to go on with the adaptation of one."""
    from genjax.families.text_to_image.model import is_text_to_image

    given = _given_options(arguments, "--source", "--out")
    if "--resume" in arguments:
        return is_text_to_image(_first(Path(given["--out"] or AdaptTextToImageConfig().out)))
    return bool(given["--source"]) and is_text_to_image(Path(given["--source"]))


def _resumed_text_adaptation(arguments: Sequence[str]) -> AdaptTextToImageConfig:
    """The settings of the adaptation that is gone on with; the default ones where a new one begins."""
    if "--resume" not in arguments:
        return AdaptTextToImageConfig()
    from genjax.training.adapt_text_to_image import saved_adaptation

    out = Path(_given_options(arguments, "--out")["--out"] or AdaptTextToImageConfig().out)
    return dataclasses.replace(saved_adaptation(_first(out)), out=out)


def _given_options(arguments: Sequence[str], *names: str) -> dict[str, str]:
    """The values of these options, "" for one that is not there."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in names:
        reader.add_argument(name, default="", nargs="?", dest=name)
    return {name: value or "" for name, value in vars(reader.parse_known_args(arguments)[0]).items()}
