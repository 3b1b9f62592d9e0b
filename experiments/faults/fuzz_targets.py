"""Kinds of files that the fuzzer damages: how a sound copy of each is made, and what reads it."""

import contextlib
import dataclasses
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from experiments.common.tiny_run import tiny
from experiments.faults.children import trained
from genjax.cli import main as cli
from genjax.data import load
from genjax.data.sources.npz import read_npz
from genjax.errors import InputError
from genjax.evaluate.features.state_dict import read_state_dict
from genjax.report.draw.series import read_series
from genjax.report.warnings import training_warnings
from genjax.store import checkpoint
from genjax.store.metrics import open_metrics, read_metrics
from genjax.store.model import load_model
from genjax.store.run_config import saved_config
from genjax.store.run_folder import RunFolder, write_json
from genjax.training.plan import plan_training
from genjax.training.stage import state_shapes


class Target(NamedTuple):
    """A kind of file, and its reader.

    Attributes:
        files: function that lists a sound copy's files, of which one is damaged.
        read: function that reads the folder of the copy.
    """

    files: Callable[[Path], list[Path]]
    read: Callable[[Path], object]


def prepare(kind: str, folder: Path) -> None:
    """Makes the sound files of a kind."""
    if kind in ("configs", "checkpoints", "sealed checkpoints", "models", "logs"):
        ended = trained(tiny("vae", folder / "run", steps=4, save_every=2))
        if "state" not in ended:
            raise RuntimeError(ended)
    elif kind in ("images", "captions"):
        _pictures(folder)
    elif kind == "arrays":
        pixels = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
        np.savez_compressed(folder / "a.npz", images=pixels, labels=np.arange(9) % 3)
        np.savez(folder / "b.npz", images=pixels)
    elif kind == "weights":
        for name, write in (("zipped", _zipped), ("legacy", _legacy)):
            (folder / f"{name}.pth").write_bytes(write())


def _pictures(folder: Path) -> None:
    rng, lines = np.random.default_rng(0), []
    for number, ending in enumerate(("png", "jpg", "webp") * 3):
        pixels = rng.integers(0, 256, (20 + number, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert("L" if number == 3 else "RGB").save(folder / f"{number}.{ending}")
        lines.append(json.dumps({"file": f"{number}.{ending}", "caption": f"picture {number} <b>bold</b>"}))
    (folder / "captions.jsonl").write_text("\n".join(lines))


def read_config_of_run(folder: Path) -> None:
    """Reads a config as the doctor and a resumed run do before it computes."""
    run = folder / "run"
    with contextlib.suppress(InputError):
        cli.main(["doctor", str(run)])
    config = saved_config(RunFolder(run), type(tiny("vae", run)))
    plan_training(dataclasses.replace(config, out=run), resume=True)


def read_checkpoints(folder: Path) -> None:
    """Restores as a resumed run does: the latest is damaged, so it must find the one before, or none."""
    plan = plan_training(tiny("vae", folder / "run"), force=True)
    like = state_shapes(plan, plan.stages[0])
    with checkpoint.open_checkpoints(folder / "run" / "checkpoints") as manager:
        found = checkpoint.restore(manager, like)
    if found is None or int(found[0].step) not in (2, 4):
        raise AssertionError("the checkpoint before was not found")


def read_sealed_checkpoints(folder: Path) -> None:
    """Restores checkpoints whose seal fits the damage, which no checksum shows."""
    for path in (folder / "run" / "checkpoints").iterdir():
        if path.name.isdigit():
            write_json(path / checkpoint.SEAL, checkpoint._hashes(path))
    read_checkpoints(folder)


def read_log(folder: Path) -> None:
    """Reads metrics.jsonl in every way that genjax has."""
    run = folder / "run"
    cli.main(["doctor", str(run)])
    if cli.main(["stability", str(run)]) not in (0, 2):
        raise AssertionError("stability failed")
    lines = read_metrics(run / "metrics.jsonl")
    read_series(lines, "run")
    training_warnings(lines, steps=4, step=4)
    with open_metrics(RunFolder(run), step=3):
        pass


def latest_checkpoint(folder: Path) -> list[Path]:
    """Lists the files of the latest checkpoint."""
    return sorted(path for path in (folder / "run" / "checkpoints" / "4").rglob("*") if path.is_file())


def both_checkpoints(folder: Path) -> list[Path]:
    """Deletes the earlier checkpoint, and lists the files of the latest."""
    shutil.rmtree(folder / "run" / "checkpoints" / "2")
    return [path for path in latest_checkpoint(folder) if path.name != checkpoint.SEAL]


def _all(pattern: str) -> Callable[[Path], list[Path]]:
    return lambda folder: sorted(path for path in folder.glob(pattern) if path.is_file())


def _load(folder: Path) -> None:
    load(f"folder:{folder}", split="all")


TARGETS = {
    "configs": Target(_all("run/config.json"), read_config_of_run),
    "checkpoints": Target(latest_checkpoint, read_checkpoints),
    "images": Target(_all("[0-9].*"), _load),
    "captions": Target(_all("captions.jsonl"), _load),
    "sealed checkpoints": Target(both_checkpoints, read_sealed_checkpoints),
    "models": Target(_all("run/model/latest/*"), lambda folder: load_model(folder / "run")),
    "logs": Target(_all("run/metrics.jsonl"), read_log),
    "arrays": Target(_all("*.npz"), lambda folder: [read_npz(path, path.name) for path in sorted(folder.iterdir())]),
    "weights": Target(_all("*.pth"), lambda folder: [read_state_dict(path.read_bytes()) for path in folder.iterdir()]),
}
PROMISED = ("configs", "checkpoints", "images", "captions")  # of which there are to be 1,000


def _tensor() -> bytes:
    """Writes the instructions by which PyTorch stores a tensor of 3x4 numbers."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def numbers(*values: int) -> bytes:
        return b"".join(b"J" + struct.pack("<i", value) for value in values)

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("7") + text("cpu") + numbers(12) + b"tQ"
    view = numbers(0) + b"(" + numbers(3, 4) + b"t(" + numbers(4, 1) + b"t"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + text("weight") + rebuilt + b"u."


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights/data.pkl", _tensor())
        archive.writestr("weights/data/7", np.arange(12, dtype=np.float32).tobytes())
    return file.getvalue()


def _legacy() -> bytes:
    magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the number 0x1950a86a20f9469cfc6c
    version = b"\x80\x02M\xe9\x03."  # 1001
    system = b"\x80\x02}(X\r\x00\x00\x00little_endian\x88u."
    keys = b"\x80\x02]X\x01\x00\x00\x007a."
    return magic + version + system + _tensor() + keys + struct.pack("<q", 12) + np.arange(12, dtype="<f4").tobytes()
