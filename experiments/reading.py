"""Reading a folder: how long until its images are in memory, at the first start and at the second?

    python experiments/reading.py --folder PATH --peer-python VENV/bin/python    # some minutes
    python experiments/reading.py --quick                                        # few small images

Each reading is a process of its own that may use one core or two: genjax with an empty cache, genjax again, and
torchvision's ImageFolder in a DataLoader of two workers with the same crop and resizing, in turns, so that what slows
the machine slows all of them; the fastest turn counts. Seconds are those of the reading, without imports, by the clock
and of the processor; memory is the largest of the process, with imports, and of a worker. Without --folder it reads
PNGs that it makes. torchvision is no part of genjax: where --peer-python has none, the table says so. Writes
reading.json and reading.md into --out.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import numpy as np
from PIL import Image

from genjax.errors import InputError
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say

BEGINNING = """
import json, os, resource, sys, time, warnings
warnings.simplefilter("ignore")
folder, size, cores = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
"""
ENDING = """
own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = sum(one.ru_utime + one.ru_stime for one in (own, workers)) - before
found = {"seconds": seconds, "cpu_seconds": cpu, "mib": own.ru_maxrss / 1024, "worker_mib": workers.ru_maxrss / 1024}
print(json.dumps(found | {"images": len(images)}))
"""
GENJAX = """
from genjax.data import load
before, began = time.process_time(), time.perf_counter()
images = load(f"folder:{folder}", size=size, channels=3, split="all", skip_broken=True).images
seconds = time.perf_counter() - began
"""
TORCHVISION = """
try:
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import center_crop, pil_to_tensor, resize
except ImportError:
    print("null")
    sys.exit()

def transform(image):
    square = center_crop(image, [min(image.size)] * 2)
    return pil_to_tensor(resize(square, [size, size], InterpolationMode.BICUBIC))

before, began = time.process_time(), time.perf_counter()
loader = torch.utils.data.DataLoader(ImageFolder(folder, transform), batch_size=64, num_workers=2)
images = torch.cat([batch for batch, _ in loader])
del loader  # which ends its workers, so that they are counted
seconds = time.perf_counter() - began
"""


@dataclass(frozen=True)
class Reading:
    """Times the reading of a folder of images."""

    out: Path = Path("runs/reading")
    """Folder for the figures."""
    folder: Path | None = None
    """Folder of images in class folders; without, PNGs are made."""
    files: int = 8000
    """Number of PNGs that are made."""
    pixels: int = 256
    """Height and width of these."""
    size: int = 32
    """Height and width of the images that are wanted."""
    turns: int = 3
    """Readings of each kind; the fastest counts."""
    peer_python: Path = Path(sys.executable)
    """Python with torchvision."""
    quick: bool = False
    """Few small images, and one turn."""


def main(settings: Reading) -> int:
    """Measures, writes and prints; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, files=240, pixels=32, turns=1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = settings.folder or make_images(Path(scratch) / "images", settings.files, settings.pixels)
        found = {"images": described(settings), "rows": measure(settings, folder, Path(scratch))}
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "reading.json", found)
    write_bytes(settings.out / "reading.md", markdown(found).encode())
    result(markdown(found))
    return 0


def described(settings: Reading) -> str:
    """Says which images were read."""
    made = f"{settings.files:,} PNGs of {settings.pixels}x{settings.pixels} pixels"
    return f"{settings.folder.name if settings.folder else made}, to {settings.size}x{settings.size}"


def make_images(folder: Path, number: int, pixels: int) -> Path:
    """Writes PNGs of smooth colours in ten class folders."""
    rng = np.random.default_rng(0)
    for i in range(number):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        path = folder / str(i % 10) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((pixels, pixels), Image.Resampling.BICUBIC).save(path)
    for path in folder.rglob("*.png"):
        os.utime(path, (10**9, 10**9))  # as files that were not made just now
    return folder


def measure(settings: Reading, folder: Path, scratch: Path) -> list[dict[str, Any]]:
    """Measures each case: the fastest of its turns; None where there is no torchvision."""
    best: dict[tuple[str, int], dict[str, Any] | None] = {}
    allowed = len(os.sched_getaffinity(0))
    for turn in range(settings.turns):
        for cores in (1, 2)[:allowed]:
            cache = scratch / f"cache-{turn}-{cores}"
            for name in ("genjax, first start", "genjax, second start", "torchvision, 2 workers"):
                python, code = (
                    (settings.peer_python, TORCHVISION) if "torch" in name else (Path(sys.executable), GENJAX)
                )
                found = read_once(python, code, folder, settings.size, cores, cache)
                known = best.get((name, cores))
                best[name, cores] = min(known, found, key=lambda one: one["seconds"]) if known and found else found
    return [{"case": name, "cores": cores, "found": found} for (name, cores), found in best.items()]


def read_once(python: Path, code: str, folder: Path, size: int, cores: int, cache: Path) -> dict[str, Any] | None:
    """Reads the folder in a process of its own."""
    done = subprocess.run(
        [python, "-c", BEGINNING + code + ENDING, str(folder.resolve()), str(size), str(cores)],
        env=os.environ | {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(f"a reading ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def markdown(found: dict[str, Any]) -> str:
    """Writes the table, and how the first start compares."""
    rows = sorted(found["rows"], key=lambda row: row["cores"])
    lines = [f"{found['images']}.", "", "| reading | cores | images | seconds | CPU seconds | MiB | of a worker, MiB |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        one = row["found"]
        if one is None:
            lines.append(f"| {row['case']} | {row['cores']} | torchvision is not installed | | | | |")
            continue
        cells = (row["case"], row["cores"], f"{one['images']:,}", f"{one['seconds']:.2f}")
        cells = (*cells, f"{one['cpu_seconds']:.2f}", f"{one['mib']:.0f}")
        worker = f"{one['worker_mib']:.0f}" if "torch" in row["case"] else ""
        lines.append("| " + " | ".join(map(str, (*cells, worker))) + " |")
    times = {(row["case"], row["cores"]): row["found"]["seconds"] for row in rows if row["found"]}
    for cores in sorted({row["cores"] for row in rows}):
        first, peer = times["genjax, first start", cores], times.get(("torchvision, 2 workers", cores))
        again = first / times["genjax, second start", cores]
        beside = f", and torchvision takes {peer / first:.2f} times as long as the first start" if peer else ""
        noun = "core" if cores == 1 else "cores"
        lines += ["", f"With {cores} {noun} the second start is {again:.0f} times as fast as the first{beside}."]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Reading, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
