"""Runs that are killed, stopped and read at any moment: the rows of `faults.py` that take time.

Each function returns what it counted, and its violations, a sentence each; there should be none.
"""

import json
import os
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue] - made when imported
from tensorboardX.record_writer import masked_crc32c

from experiments.common.tiny_run import tiny
from experiments.faults.children import Child, trained
from genjax.cli import main as cli
from genjax.errors import InputError
from genjax.store.doctor import diagnose
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder, is_run, leftovers
from genjax.training import stage

EVERYTHING = {"save_every": 2, "sample_every": 10, "evaluate_every": 10, "evaluate_num": 20}


def kill_runs(
    family: str, kills: int, *, work: Path, cache: Path, seed: int = 0, kill_steps: int = 40
) -> dict[str, Any]:
    """Kills runs at random moments (kill -9), resumes them, and compares their ends with an undisturbed run.

    Args:
        family: gan or vae.
        kills: number of kills.
        work: folder.
        cache: folder for compiled steps.
        seed: seed of the moments.
        kill_steps: steps of each run; every second one is saved.
    """
    rng = np.random.default_rng(seed)
    for name in ("warm", "alone"):  # the first compiles, which takes longer; the second is the measure
        alone = Child(lambda name=name: trained(tiny(family, work / name, steps=kill_steps, **EVERYTHING)), cache).end()
    found: dict[str, Any] = {"kills": 0, "runs": 0, "moments": {}, "violations": []}
    if alone.value is None or "state" not in alone.value:
        return found | {"violations": [f"the undisturbed run failed: {alone.output[-300:]}"]}
    longest, run = alone.seconds, work / "run"
    while True:
        resume, more = is_run(RunFolder(run)), found["kills"] < kills
        config = tiny(family, run, steps=kill_steps, **EVERYTHING)
        child = Child(lambda config=config, resume=resume: trained(config, resume=resume), cache)
        if more and not child.wait(rng.uniform(0, 1.1 * longest)):
            child.kill()
            child.end()
            moment = found["moments"]
            name = where_killed(run)
            moment[name] = moment.get(name, 0) + 1
            found["kills"] += 1
            found["violations"] += excess_damage(run)
            continue
        ended = child.end()
        found["runs"] += 1
        found["violations"] += differences(alone.value, ended)
        shutil.rmtree(run, ignore_errors=True)
        if not more:
            return found


def where_killed(run: Path) -> str:
    """Names what a run was doing when it was killed, as far as its folder shows."""
    folder = RunFolder(run)
    if not is_run(folder):
        return "before it began"
    half = [finding for finding in diagnose(run).findings if not finding.whole]
    if leftovers(folder) or any(finding.part.startswith("checkpoints/") for finding in half):
        return "while it saved"
    if folder.checkpoints.exists() and any(folder.checkpoints.iterdir()):
        return "while it trained or started"
    return "before its first checkpoint"


def excess_damage(run: Path) -> list[str]:
    """Lists damage beyond what a kill may cause: an unfinished latest checkpoint and a torn last line."""
    if not is_run(RunFolder(run)):
        return []
    said = []
    found = diagnose(run)
    damaged = [finding for finding in found.findings if not finding.whole]
    checkpoints = [finding for finding in found.findings if finding.part.startswith("checkpoints/")]
    for finding in damaged:
        unfinished = finding.part.startswith("checkpoints/") and "not written to its end" in finding.note
        torn = finding.part == "metrics.jsonl" and "1 cannot be read" in finding.note
        if not (unfinished or torn):
            said.append(f"{finding.part}: {finding.note}")
    if len(checkpoints) > 1 and found.resume_from is None:
        said.append("no checkpoint is whole")
    steps = [
        line["step"]
        for line in read_metrics(run / "metrics.jsonl")
        if "skipped/vae" in line or "skipped/critic" in line
    ]
    if steps != sorted(set(steps)):
        said.append("metrics.jsonl has a step twice")
    return said


def differences(alone: dict[str, Any], ended: Any) -> list[str]:
    """Lists differences between an interrupted run and an undisturbed one."""
    if ended.code or not ended.value or "state" not in ended.value:
        return [f"it could not be resumed: {(ended.value or {}).get('error') or ended.output[-300:]}"]
    return [f"its {part} differs" for part in ("state", "log") if ended.value[part] != alone[part]]


def stop_run(family: str, stops: int, *, work: Path, cache: Path, seed: int = 0, steps: int = 500) -> dict[str, Any]:
    """Stops a run by SIGTERM and Ctrl-C in turns, at random steps, each in a new process; compares its end."""
    rng = np.random.default_rng(seed)
    seldom = {"save_every": steps, "sample_every": steps, "steps": steps, "log_every": 10}
    alone = Child(lambda: trained(tiny(family, work / "alone", **seldom)), cache).end()
    cuts = sorted(rng.choice(np.arange(1, steps), size=stops, replace=False).tolist())
    found: dict[str, Any] = {"stops": 0, "steps": steps, "violations": []}
    if alone.value is None or "state" not in alone.value:
        return found | {"violations": [f"the undisturbed run failed: {alone.output[-300:]}"]}
    ended = None
    for number, cut in enumerate([*cuts, 0]):
        which = signal.SIGTERM if number % 2 else signal.SIGINT

        def segment(number: int = number, cut: int = cut, which: int = which) -> dict[str, Any]:
            real = stage.batch_indices

            def interrupting(n: int, batch: int, seed: int, step: int) -> np.ndarray:
                if step + 1 == cut:
                    os.kill(os.getpid(), which)
                return real(n, batch, seed, step)

            stage.batch_indices = interrupting
            return trained(tiny(family, work / "run", **seldom), resume=number > 0)

        ended = Child(segment, cache).end()
        if not cut:
            break
        found["stops"] += 1
        value = ended.value or {}
        if (value.get("signal"), value.get("step")) != (signal.Signals(which).name, cut):
            found["violations"].append(f"stop {number} at step {cut}: {value.get('error') or ended.output[-300:]}")
            break
    log = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
    # A stop writes a line of its own, which an undisturbed run does not have
    wanted = [line for line in log if line["step"] % 10 == 0 or line["step"] == steps]
    (work / "run" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in wanted))
    left = (work / "alone" / "metrics.jsonl").read_bytes() == (work / "run" / "metrics.jsonl").read_bytes()
    found["violations"] += [] if left else ["its log differs"]
    same = ended is not None and not ended.code and (ended.value or {}).get("state") == alone.value["state"]
    found["violations"] += [] if same else ["its state differs"]
    return found


def read_while_training(family: str, seconds: float, *, work: Path, cache: Path) -> dict[str, Any]:
    """Reads a run in every way while another process trains and saves it at every step."""
    run = work / "run"
    often = {"save_every": 1, "sample_every": 5, "evaluate_every": 5, "evaluate_num": 20, "steps": 100_000}
    Child(lambda: trained(tiny(family, run, **(often | {"steps": 5}))), cache).end()
    trainer = Child(lambda: trained(tiny(family, run, **often), resume=True), cache)

    def read() -> dict[str, Any]:
        found: dict[str, Any] = {"reads": 0, "models": set(), "violations": []}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, call in readers(run, work).items():
                try:
                    found["models"].add(call())
                except (InputError, OSError, ValueError, KeyError, AssertionError) as error:
                    found["violations"].append(f"{name}: {type(error).__name__}: {error}"[:300])
                found["reads"] += 1
        return found | {"models": len(found["models"] - {""})}

    reader = Child(read, cache).end()
    trainer.kill(signal.SIGTERM)
    ended = trainer.end()
    value = reader.value or {"reads": 0, "models": 0, "violations": [f"the reader failed: {reader.output[-500:]}"]}
    if (ended.value or {}).get("signal") != "SIGTERM":
        value["violations"].append(f"the trainer failed: {ended.output[-500:]}")
    return value | {"saves": (ended.value or {}).get("step", 0)}


def readers(run: Path, work: Path) -> dict[str, Any]:
    """Makes a function for each way to read a run; each returns the identity of the model it read, or nothing."""

    def metrics() -> str:
        steps = [line["step"] for line in read_metrics(run / "metrics.jsonl")]
        assert steps == sorted(steps)
        assert steps, "no line at all"
        return ""

    def tensorboard() -> str:
        numbers = [read_events(path) for path in sorted(run.glob("events.out.tfevents.*"))]
        assert any(numbers), "TensorBoard would see no number at all"
        return ""

    def command(*arguments: str) -> str:
        assert cli.main(list(arguments)) == 0
        return ""

    out = str(work / "read")
    return {
        "load": lambda: load_model(run).identity,
        "load best": lambda: load_model(run, which="best").identity,
        "metrics": metrics,
        "tensorboard": tensorboard,
        "sample": lambda: command("sample", "--run", str(run), "--num", "4", "--out", out, "--force"),
        "evaluate": lambda: command("evaluate", "--run", str(run), "--metrics", "kd", "--num", "20", "--json"),
        "report": lambda: command("report", str(run), "--num", "20", "--out", f"{out}.html"),
    }


def read_events(path: Path) -> int:
    """Counts the numbers that TensorBoard would show of a file of events, up to the first unfinished record.

    Raises:
        AssertionError: a checksum does not fit, or the steps go back: the file is damaged.
    """
    steps = [event.step for event in map(Event.FromString, records(path.read_bytes())) if event.summary.value]
    assert steps == sorted(steps), "the steps of TensorBoard go back"
    return len(steps)


def records(content: bytes) -> Iterator[bytes]:
    """Yields the whole records of a file: length, checksum of the length, data, checksum of the data. (TFRecord)"""
    at = 0
    while len(content) >= at + 12:
        (length, checksum) = struct.unpack_from("<QI", content, at)
        assert checksum == masked_crc32c(content[at : at + 8]), f"the length at byte {at} is damaged"
        end = at + 12 + length + 4
        if len(content) < end:
            return
        data = content[at + 12 : end - 4]
        assert struct.unpack_from("<I", content, end - 4)[0] == masked_crc32c(data), f"byte {at} on is damaged"
        yield data
        at = end


def second_process(*, work: Path, cache: Path) -> dict[str, Any]:
    """Starts a second process on a run's folder: refused at first, accepted once the first has been killed."""
    run = work / "run"
    violations = []
    first = Child(lambda: trained(tiny("vae", run, steps=100_000)), cache)
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").stat().st_size:
        if first.wait(0.1):
            break

    def second() -> int:
        return cli.main(["train", "--resume", "--steps", "3", "--out", str(run)])

    refused = Child(second, cache).end()
    if refused.value != 2 or "is in use: process" not in refused.output:
        violations.append(f"the second was not refused: {refused.output[-300:]}")
    first.kill()
    first.end()
    after = Child(second, cache).end()
    if after.value != 0:
        violations.append(f"after the first was killed: {after.output[-300:]}")
    return {"violations": violations}
