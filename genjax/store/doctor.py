"""What of a run is whole, what is damaged, and what one can still do with it: `genjax doctor`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from genjax.config import read_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.text_to_image import TextToImageConfig
from genjax.errors import InputError
from genjax.families.text_to_image.model import VOCABULARY, is_text_to_image
from genjax.families.text_to_image.text import load_vocabulary
from genjax.store.checkpoint import damage, on_disk
from genjax.store.lock import owner
from genjax.store.metrics import read_metrics
from genjax.store.run_folder import PART, RunFolder, leftovers, read_config
from genjax.training.plan import run_config
from genjax.training.text_to_image import saved_text_to_image


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
    """What was found in a run's folder.

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
        """Whether nothing is damaged."""
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
        raise InputError(
            f"{run} holds nothing of a run: no config.json, no checkpoints, no model. Name another folder."
        )
    if is_text_to_image(run):
        return diagnose_stages(run)
    config, checkpoints = _config(folder), list(_checkpoints(folder))
    models = {which: _model(folder.model(which), which) for which in ("latest", "best") if folder.model(which).is_dir()}
    steps = [int(Path(finding.part).name) for finding in checkpoints if finding.whole]
    return Diagnosis(
        findings=(config, *_metrics(folder), *checkpoints, *models.values(), *_leftovers(folder)),
        resume_from=max(steps) if steps and config.whole else None,
        sampled_from=tuple(which for which, finding in models.items() if finding.whole),
        in_use=owner(run),
    )


def diagnose_stages(run: Path) -> Diagnosis:
    """The same of a text-to-image model: of its vocabulary, and of every stage its log, its checkpoints and its model.

    `resume_from` is the step of the stage that is not done; of a model that is, the last step of its last stage.
    """
    try:
        steps = stage_steps(saved_text_to_image(run))
        config = Finding(
            "config.json", True, f"genjax {read_config(RunFolder(run)).get('version', '?')}, {TEXT_TO_IMAGE}"
        )
    except InputError as error:
        return Diagnosis((Finding("config.json", False, str(error)),), None, (), owner(run))
    findings, reached, missing = [config, _vocabulary(run)], 0, not (run / VOCABULARY).exists()
    for name in steps:
        place = RunFolder(run / name)
        within = [*_metrics(place), *_checkpoints(place)]
        done = (place.path / "model.json").exists()
        if done:
            within.append(_stage(place.path))
        findings += [finding._replace(part=f"{name}/{finding.part}") for finding in within]
        if not missing:
            saved = [int(Path(one.part).name) for one in within if one.part.startswith("checkpoints/") and one.whole]
            reached = steps[name] if done else max(saved, default=0)
        missing = missing or not done
    findings += [
        Finding(str(path.relative_to(run)), True, "left over from a stop; the next start deletes it")
        for path in sorted(run.rglob(f".*{PART}"))
    ]
    whole = all(finding.whole for finding in findings)
    return Diagnosis(
        tuple(findings), reached if whole else None, () if missing or not whole else ("latest",), owner(run)
    )


def stage_steps(config: TextToImageConfig) -> dict[str, int]:
    """{stage: its steps}, in the order of training, of the stages that a model has."""
    steps = {name: getattr(config, f"{name}_steps") for name in ("tokenizer", "prior", "masked", "reranker")}
    return {name: number for name, number in steps.items() if number}


def _vocabulary(run: Path) -> Finding:
    if not (run / VOCABULARY).exists():
        return Finding(VOCABULARY, True, "not written yet")
    try:
        return Finding(VOCABULARY, True, f"{load_vocabulary(run / VOCABULARY).numbers} tokens")
    except InputError as error:
        return Finding(VOCABULARY, False, str(error))


def _stage(folder: Path) -> Finding:
    try:
        values = read_json(folder / "model.json")
        name, sha256 = str(values["file"]), str(values["sha256"])
    except InputError as error:
        return Finding("model.json", False, str(error))
    except KeyError:
        return Finding("model.json", False, "does not name its file")
    problem = _file(folder, name, sha256)
    return Finding("model.json", not problem, problem or f"step {values.get('step')}")


def _file(folder: Path, name: str, sha256: str) -> str:
    """What is wrong with a file of parameters; empty for a whole one."""
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
    return Finding("config.json", True, f"genjax {values.get('version', '?')}, {config.data}, {config.steps} steps")


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


def _leftovers(folder: RunFolder) -> Iterator[Finding]:
    """What a stopped machine leaves of files that were being written: harmless, and named."""
    for path in leftovers(folder):
        yield Finding(str(path.relative_to(folder.path)), True, "left over from a stop; the next start deletes it")


def to_json(run: Path, found: Diagnosis) -> str:
    """The same for programs."""
    values = found._asdict() | {"run": str(run), "healthy": found.healthy}
    values["findings"] = [finding._asdict() for finding in found.findings]
    return json.dumps(values, indent=2)
