"""From a command line to a command: options, a resumed run's own settings, and one clear line where they are wrong."""

import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Any, Union

import tyro

from genjax.cli.average import AverageCommand
from genjax.cli.cache import CacheCommand
from genjax.cli.doctor import DoctorCommand
from genjax.cli.evaluate import EvaluateCommand, evaluate_type
from genjax.cli.importing import ImportCommand
from genjax.cli.options.values import REGISTRY
from genjax.cli.report import ReportCommand, report_type
from genjax.cli.sample import SampleCommand, sample_type
from genjax.cli.sources import SourcesCommand
from genjax.cli.stability import StabilityCommand
from genjax.cli.zoo import ZooCommand
from genjax.errors import InputError, did_you_mean

VERBS = {
    "train": "Pretrains a generator on a set of images.",
    "adapt": "Adapts the generator of a run to another set, of few images or many.",
    "import": ImportCommand,
    "evaluate": EvaluateCommand,
    "sample": SampleCommand,
    "average": AverageCommand,
    "report": ReportCommand,
    "stability": StabilityCommand,
    "doctor": DoctorCommand,
    "cache": CacheCommand,
    "zoo": ZooCommand,
    "sources": SourcesCommand,
}
_TYPES = {"evaluate": evaluate_type, "report": report_type}  # the commands whose help lists what there is
FREEZE = re.compile(r"--freeze\.(?!patterns)([a-z_]+)(?:=(.*))?")


def parse(arguments: Sequence[str]) -> Any:
    """Reads the command that these arguments ask for. A resumed run's own settings are the defaults of its options.

    Raises:
        InputError: a value that a config refuses, an option that does not exist, or nothing to resume.
        SystemExit: for --help.
    """
    verb = arguments[0] if arguments else "--help"
    rest = list(arguments[1:])
    if verb == "sample" and rest and not rest[0].startswith("-"):
        rest = ["--run", *rest]
    if verb == "adapt":
        rest = with_freeze_patterns(rest)
    kind, default = _typed(verb, rest)
    choices: Any = tuple(
        Annotated[kind if name == verb else _Help, tyro.conf.subcommand(name, description=_summary(name), **extra)]
        for name in VERBS
        for extra in [{"default": default} if name == verb else {}]
    )
    command: Any = Union[choices]  # noqa: UP007 - a union made at run time
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            found = tyro.cli(
                command,
                prog="genjax",
                description="Adaptive image generation in JAX. `genjax --version` says which version this is.",
                args=[verb, *rest],
                config=(tyro.conf.FlagCreatePairsOff,),
                registry=REGISTRY,
            )
    except SystemExit as exit_:
        # tyro draws a box around a ValueError of a nested config; the line inside it is what the user needs.
        refused = _cause(exit_)
        if refused is not None:
            raise refused from None
        if exit_.code == 0 or not complaint.getvalue():
            raise
        raise InputError(_in_a_line(complaint.getvalue(), verb, list(VERBS))) from None
    if verb in ("train", "adapt"):
        from genjax.cli.training import plain_command

        return plain_command(found, default)
    return found


@dataclasses.dataclass(frozen=True)
class _Help:
    """Stands for the options of the verbs that were not typed."""


def _summary(verb: str) -> str:
    entry = VERBS[verb]
    return entry if isinstance(entry, str) else (entry.__doc__ or "")


def _typed(verb: str, rest: Sequence[str]) -> tuple[Any, Any]:
    """Returns the type of a verb's command, with the options that depend on the other arguments, and its default."""
    if verb in ("train", "adapt"):
        from genjax.cli import training

        return (training.train_default if verb == "train" else training.adapt_default)(rest)
    if verb == "sample":
        kind = sample_type(rest)
        return kind, kind()
    kind = _TYPES[verb]() if verb in _TYPES else VERBS.get(verb, _Help)
    return (kind, kind()) if isinstance(kind, type) else (_Help, _Help())


def with_freeze_patterns(arguments: Sequence[str]) -> list[str]:
    """Writes `--freeze.NETWORK PATTERN ...` as `--freeze.patterns NETWORK/PATTERN ...`."""
    kept: list[str] = []
    patterns: list[str] = []
    network = ""
    for argument in arguments:
        found = FREEZE.fullmatch(argument)
        if found:
            network = found[1]
            patterns += [f"{network}/{found[2]}"] if found[2] is not None else [f"{network}/"]
        elif network and not argument.startswith("--"):
            if patterns and patterns[-1] == f"{network}/":
                patterns.pop()
            patterns.append(f"{network}/{argument}")
        else:
            network = ""
            kept.append(argument)
    return [*kept, "--freeze.patterns", *patterns] if patterns else kept


def _in_a_line(complaint: str, verb: str, verbs: list[str]) -> str:
    """Puts into a line what tyro says in a box about a command line that it cannot read."""
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
