"""The diagnosis of a run: parts that are whole, parts that are damaged, and what can still be done with it."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from genjax.config.run import ImportConfig
from genjax.errors import InputError
from genjax.families.registry import FAMILIES
from genjax.json_config import read_json
from genjax.store.averages import damaged, kept_averages
from genjax.store.checkpoint import damage, on_disk
from genjax.store.lock import owner
from genjax.store.metrics import read_metrics
from genjax.store.run_config import run_config, saved_model
from genjax.store.run_folder import RunFolder, leftovers, read_config, stage_folder, what_to_name


class Finding(NamedTuple):
    """One part of a run.

    Attributes:
        part: its name inside the folder.
        whole: whether it can be used.
        note: what it holds, or what is wrong with it.
    """

    part: str
    whole: bool
    note: str


class Diagnosis(NamedTuple):
    """The findings in a run's folder.

    Attributes:
        findings: of every part.
        resume_from: step of the latest whole checkpoint; None without one.
        sampled_from: which models are whole, "latest" and "best".
        in_use: who trains there now; empty for nobody.
    """

    findings: tuple[Finding, ...]
    resume_from: int | None
    sampled_from: tuple[str, ...]
    in_use: str

    @property
    def healthy(self) -> bool:
        """Returns True if nothing is damaged."""
        return all(finding.whole for finding in self.findings)


def diagnose(run: Path) -> Diagnosis:
    """Reads every file of a run and changes none.

    Raises:
        InputError: there is no folder, or none of a run.
    """
    folder = RunFolder(run)
    if not run.is_dir():
        raise InputError(f"{run} is no folder. Name the folder of a run.")
    if not any(path.exists() for path in (folder.config, folder.checkpoints, folder.model())):
        raise InputError(f"{run} holds nothing of a run: no config.json, no checkpoints, no model. {what_to_name(run)}")
    config, stages = _config(folder), _stages(folder)
    findings, steps, reached = [config], [], {}
    for stage in stages:
        own = stage_folder(run, stage, stages)
        checkpoints = list(_checkpoints(own))
        models = {which: _model(own.model(which), which) for which in ("latest", "best") if own.model(which).is_dir()}
        inside = [*_metrics(own), *checkpoints, *models.values(), *_averages(own), *_leftovers(own)]
        if own.path != run:
            inside = [finding._replace(part=f"{stage}/{finding.part}") for finding in inside]
        findings += inside
        steps += [[int(Path(finding.part).name) for finding in checkpoints if finding.whole]]
        reached[stage] = [which for which, finding in models.items() if finding.whole]
    if len(stages) > 1:
        findings += list(_leftovers(folder))
    begun = [max(found) for found in steps if found]
    sampled = [which for which in ("latest", "best") if all(_usable(which, found) for found in reached.values())]
    if not any("best" in found for found in reached.values()):
        sampled = [which for which in sampled if which != "best"]
    return Diagnosis(
        findings=tuple(findings),
        resume_from=begun[-1] if begun and config.whole else None,
        sampled_from=tuple(sampled),
        in_use=owner(run),
    )


def _usable(which: str, found: Sequence[str]) -> bool:
    """Returns True if a stage can be used as that model: one without a best model gives its latest."""
    return which in found or (which == "best" and "latest" in found and "best" not in found)


def _stages(folder: RunFolder) -> list[str]:
    """Returns the stages that a run's config names; one that cannot be read has one."""
    try:
        model = saved_model(folder)
        return list(FAMILIES[model.family].stage_networks(model))
    except InputError:
        return [""]


def _file(folder: Path, name: str, sha256: str) -> str:
    """Describes the damage of a file of parameters; empty for a whole one."""
    try:
        content = (folder / Path(name).name).read_bytes()
    except OSError:
        return f"{name} is missing"
    return "" if hashlib.sha256(content).hexdigest() == sha256 else f"{name} is not what was written"


def _config(folder: RunFolder) -> Finding:
    try:
        values, config = read_config(folder), run_config(folder)
    except InputError as error:
        return Finding("config.json", False, str(error))
    of = config.checkpoint if isinstance(config, ImportConfig) else f"{config.data}, {config.steps} steps"
    return Finding("config.json", True, f"genjax {values.get('version', '?')}, {of}")


def _metrics(folder: RunFolder) -> Iterator[Finding]:
    if not folder.metrics.exists():
        return
    written = folder.metrics.read_bytes().count(b"\n") + (not folder.metrics.read_bytes().endswith(b"\n"))
    lines = read_metrics(folder.metrics)
    torn = written - len(lines) if folder.metrics.stat().st_size else 0
    steps = f", up to step {lines[-1]['step']}" if lines else ""
    note = f"{len(lines)} lines{steps}"
    yield Finding("metrics.jsonl", not torn, f"{note}; {torn} cannot be read and are left out" if torn else note)


def _checkpoints(folder: RunFolder) -> Iterator[Finding]:
    for path in on_disk(folder.checkpoints):
        problem = damage(path)
        yield Finding(f"checkpoints/{path.name}", not problem, problem or f"step {path.name}")


def _model(folder: Path, which: str) -> Finding:
    part = f"model/{which}"
    try:
        values = read_json(folder / "model.json")
        entries = [(str(entry["file"]), str(entry["sha256"])) for entry in values["networks"].values()]
    except InputError as error:
        return Finding(part, False, str(error))
    except (KeyError, TypeError, AttributeError):
        return Finding(part, False, "model.json does not name its files")
    for name, sha256 in entries:
        problem = _file(folder, name, sha256)
        if problem:
            return Finding(part, False, problem)
    return Finding(part, True, f"step {values.get('step')}, {', '.join(values['networks'])}")


def _averages(folder: RunFolder) -> Iterator[Finding]:
    """Yields the damaged files of averages, and one finding for all whole ones."""
    kept = kept_averages(folder)
    broken = [one for one in kept if damaged(one.path, one.path.read_bytes())]
    for one in broken:
        yield Finding(f"averages/{one.path.name}", False, "its sha256 is not the one in its name; delete it")
    steps = [str(one.step) for one in kept if one not in broken]
    if steps:
        yield Finding("averages", True, f"{len(steps)} steps, up to step {steps[-1]}")


def _leftovers(folder: RunFolder) -> Iterator[Finding]:
    """Yields what a stopped machine left of files that were being written: harmless, and named."""
    for path in leftovers(folder):
        yield Finding(str(path.relative_to(folder.path)), True, "left over from a stop; the next start deletes it")


def to_json(run: Path, found: Diagnosis) -> str:
    """Formats a diagnosis for programs."""
    values = found._asdict() | {"run": str(run), "healthy": found.healthy}
    values["findings"] = [finding._asdict() for finding in found.findings]
    return json.dumps(values, indent=2)
