"""`genjax train` and `genjax adapt`: trains a model, from one seed or several, and says how to go on."""

import dataclasses
import json as json_library
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from genjax.cli.options.dynamic import Own, own_options, with_options
from genjax.cli.options.given import given_options
from genjax.cli.options.values import path
from genjax.cli.stability import stability_table
from genjax.config.machine import MachineOptions
from genjax.config.presets import preset_named, presets_help
from genjax.config.run import AdaptConfig, AnyConfig, TrainConfig, default_config
from genjax.devices import backend
from genjax.errors import InputError
from genjax.families.family import Family, NoOptions
from genjax.families.registry import DEFAULT, FAMILIES, family_named
from genjax.limits import at_least
from genjax.store.description import read_model_config
from genjax.store.run_config import saved_config
from genjax.store.run_folder import RunFolder, is_run
from genjax.store.selection import as_asked, read_selection
from genjax.terminal import result, say
from genjax.training.seeds import of_each_seed
from genjax.transfer.auto import AUTO, Auto
from genjax.transfer.registry import TRANSFERS, check_used, chosen, help_text, names, spec_of


@dataclass(frozen=True)
class TrainCommand:
    """Pretrains a generator on a set of images."""

    config: Any
    seeds: int = 1
    """Number of runs, from --seed on; each goes into a folder seed-N inside --out."""
    resume: bool = False
    """Go on with the run in that folder, with its own settings."""
    force: bool = False
    """Delete a run that is in that folder."""
    dry_run: bool = False
    """Say what would be trained: shapes, parameters, memory and FLOPs; compile and write nothing."""
    json: bool = False
    """With --dry-run: print JSON and nothing else."""
    machine: Annotated[MachineOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=MachineOptions)

    def __post_init__(self) -> None:
        """Refuses a number of runs that is none."""
        at_least("", self, 1, "seeds")


@dataclass(frozen=True)
class AdaptCommand(TrainCommand):
    """Adapts the generator of a run to another set, of few images or many."""


def train_default(arguments: Sequence[str]) -> tuple[type, Any]:
    """Returns the type of the command for these arguments, with the options of its family, and its defaults.

    The defaults of a resumed run are its own settings.

    Raises:
        InputError: no such family, or nothing to resume.
    """
    given = given_options(arguments, "--model", "--out", "--preset")
    if "--resume" in arguments:
        config = _resumed(TrainConfig, given["--out"])
    elif given["--preset"]:
        config = preset_named(given["--preset"]).config
    else:
        family = family_named(given["--model"] or DEFAULT.name)
        config = default_config(family)
    family = config.family
    model = Annotated[
        Literal[tuple(FAMILIES)], tyro.conf.arg(help="Family of the model; each has options of its own in this help.")
    ]
    kind = with_options(
        TrainConfig,
        {
            "preset": Own(Annotated[str, tyro.conf.arg(help=presets_help())], ""),
            "model": Own(model, family.name),
            "own": own_options(family.options, config.model, prefix=family.prefix),
        },
        checked=False,
    )
    values = _values(TrainConfig, config) | {"preset": "", "model": family.name, "own": config.model}
    return _command(TrainCommand, kind, values)


def adapt_default(arguments: Sequence[str]) -> tuple[type, Any]:
    """Returns the type of the command, with the options of all transfers and of the source's family, and its defaults.

    Raises:
        InputError: nothing to resume.
    """
    given = given_options(arguments, "--source", "--out")
    if "--resume" in arguments:
        config = _resumed(AdaptConfig, given["--out"])
        adaptation = config.adaptation
    else:
        family = _family_of_source(path(given["--source"]) if given["--source"] else AdaptConfig().source)
        config = AdaptConfig(**(family.adapt_defaults if family else {}))
        adaptation = family.adaptation() if family else NoOptions()
    groups = {spec.group: spec.options for spec in TRANSFERS.values() if spec.group}
    set_already = {spec_of(options).group: options for options in _given(config.transfers)}
    transfer = Annotated[str, tyro.conf.arg(help=f"Transfers, separated by commas where they combine. {help_text()}")]
    fields = {
        "transfer": Own(transfer, names(config.transfers)),
        "adaptation": own_options(type(adaptation), adaptation),
    }
    for group, options in groups.items():
        fields[_field_of(group)] = own_options(options, set_already.get(group, options()), prefix=group)
    kind = with_options(AdaptConfig, fields, checked=False)
    values = _values(AdaptConfig, config) | {name: own.default for name, own in fields.items()}
    return _command(AdaptCommand, kind, values)


def _given(transfers: Sequence[Any]) -> list[Any]:
    """Returns the options of each transfer, and in place of `auto` those that were set of others."""
    return [one for options in transfers for one in (options.given if isinstance(options, Auto) else (options,))]


def _values(kind: type[Any], config: AnyConfig) -> dict[str, Any]:
    return {one.name: getattr(config, one.name) for one in dataclasses.fields(kind)}


def _field_of(group: str) -> str:
    """Returns the name of the field with the options of a group."""
    return f"group_{group.replace('-', '_')}"


def _command(command: type, kind: type, values: Mapping[str, Any]) -> tuple[type, Any]:
    """Returns a command whose config is of this kind, and its default."""
    made = with_options(command, {"config": own_options(kind, kind(**values))})
    return made, made(config=kind(**values))


def _family_of_source(source: Path) -> Family | None:
    """Returns the family of a source's model; None if there is none, which is said later."""
    try:
        return FAMILIES[read_model_config(source).family]
    except InputError:
        return None


def _resumed(kind: type[Any], out: str) -> Any:
    """Returns the settings of the run that is gone on with; of several seeds, those of the first that was begun."""
    folder = path(out) if out else kind().out
    begun = [run for run in of_each_seed([folder]) if is_run(RunFolder(run))]
    first = RunFolder(begun[0] if begun else folder)
    saved: Any = saved_config(first, kind)
    selection = read_selection(first) if isinstance(saved, AdaptConfig) and saved.select else None
    if selection is not None:  # of several seeds, those that were not begun select their own
        saved = as_asked(saved, selection)
    return dataclasses.replace(saved, out=folder)


def plain_command(command: Any, default: Any) -> Any:
    """Returns the command with a TrainConfig or an AdaptConfig in place of what was typed.

    Args:
        command: as it was typed.
        default: the command without any option, to know which were typed.
    Raises:
        InputError: options that nothing would read, transfers that do not go together, or another family than the one
            that is resumed.
    """
    typed = command.config
    if not typed.evaluate_every and typed.evaluate_num != default.config.evaluate_num:
        raise InputError(
            f"--evaluate-num {typed.evaluate_num} does nothing with --evaluate-every 0, which is no evaluation."
            " Leave one of them out."
        )
    if isinstance(typed, AdaptConfig):
        specs = [spec for spec in TRANSFERS.values() if spec.group]
        given = {spec.group: getattr(typed, _field_of(spec.group)) for spec in specs}
        # What is selected stands open: the options that were set are for the candidates.
        text = AUTO if typed.select and typed.transfer == names(AdaptConfig().transfers) else typed.transfer
        transfer, own = chosen(text, given), typed.adaptation
        if not command.resume:
            check_used(transfer, given)
        values: dict[str, Any] = _values(AdaptConfig, typed) | {"transfer": transfer}
        config: AnyConfig = AdaptConfig(**values)
    else:
        own = typed.own
        config = TrainConfig(**_values(TrainConfig, typed) | {"model": own})
        if typed.model != config.family.name:
            if typed.preset:
                raise InputError(
                    f"--preset {typed.preset} is a {config.family.name}, and --model {typed.model} another."
                )
            raise InputError(
                f"a resumed run keeps its settings, and these differ: model {config.family.name!r} -> {typed.model!r}. "
                "Leave them out, or start another run with --out."
            )
    if not command.resume:
        for family in FAMILIES.values():
            family.check_typed(own)
    return dataclasses.replace(command, config=config)


def run_training(command: TrainCommand) -> int:
    """Trains or adapts, from one seed or several, and says how to go on."""
    from genjax.devices.processes import is_first
    from genjax.training import loop
    from genjax.training.seeds import run_seeds, steadiness

    prepare_machine(command.machine)
    verb = "adapt" if isinstance(command, AdaptCommand) else "train"
    run = getattr(loop, verb)
    if command.json and not command.dry_run:
        raise InputError("--json goes with --dry-run: what training says is in metrics.jsonl. Leave it out.")
    if command.dry_run:
        return rehearse_training(command)
    if command.seeds == 1:
        outcomes = [run(command.config, resume=command.resume, force=command.force)]
    else:
        outcomes = run_seeds(run, command.config, command.seeds, resume=command.resume, force=command.force)
    last = outcomes[-1]
    if not is_first():
        return 128 + last.signal if last.signal is not None else int(bool(last.collapse))
    if last.signal is not None:
        where = f" in the stage {last.stage}" if last.stage else ""
        say(f"stopped by {last.signal.name}{where} at step {int(last.state.step)}; everything is saved.")
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


def rehearse_training(command: TrainCommand) -> int:
    """Says what would be trained."""
    from genjax.training.dry_run import described, rehearse

    found = rehearse(command.config, resume=command.resume, force=command.force)
    result(json_library.dumps(found) if command.json else described(found))
    return 0


def way_on(verb: str, command: TrainCommand) -> str:
    """Returns the line with the command that resumes a run."""
    several = f" --seeds {command.seeds}" if command.seeds > 1 else ""
    return f"go on with: genjax {verb} --out {command.config.out}{several}{of_machine(command.machine)} --resume"


def of_machine(machine: MachineOptions) -> str:
    """Returns the options by which the processes of a run find each other: a run does not keep them."""
    if machine.coordinator:
        return f" --coordinator {machine.coordinator} --processes {machine.processes} --process-id {machine.process_id}"
    return " --distributed" if machine.distributed else ""


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
