"""Scaling on paper: how many chips are of use, by operations, memory and exchanged bytes of compiled steps?

    python experiments/bench/scale_on_paper.py            # 64, 256 and 512 pixels
    python experiments/bench/scale_on_paper.py --quick    # 16 pixels, to see that everything runs

FLOPs and memory are XLA's, of the step compiled on this machine for two batches: what grows between them belongs to an
image, the rest to the state. In each step the chips add up their gradients, once for a VAE and once for each network of
a GAN (`tests/devices/test_sharding.py`): a ring sends each number twice. A number of chips is of use while a chip's
share of a global batch takes longer to compute than the gradients to travel, and while each has an image. Rates are the
makers' (Google: TPU v5e, 197 TFLOP/s in bfloat16, 16 GB, 200 GB/s between chips; NVIDIA: H100, 989 TFLOP/s, 80 GB, 450
GB/s each way), of which convolutions are taken to reach 40 %. Writes scale_on_paper.json and .md into --out.

Computed on 2026-11-26 for width 64 and a global batch of 1,024 (experiments/results/scale_on_paper.md): at 256 pixels
512 TPU v5e or 256 H100 are of use for the GAN, 256 or 128 for the VAE.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import numpy as np

from genjax.config import ModelConfig
from genjax.devices.memory import held_bytes
from genjax.errors import InputError
from genjax.families.registry import FAMILIES, build_learner
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say
from genjax.tree import count

COMPARED = ("gan", "vae")
REACHED = 0.4  # of a chip's rate
NUMBER = 4  # bytes of a gradient's number, float32
# Images of the programs that are compared, the second twice the first.
MEASURED = (8, 16)


class Chip(NamedTuple):
    """A maker's figures of a chip: operations a second, bytes of memory, bytes a second to its neighbours."""

    flops: float
    memory: float
    link: float


CHIPS = {"TPU v5e": Chip(197e12, 16e9, 200e9), "H100": Chip(989e12, 80e9, 450e9)}


@dataclass(frozen=True)
class Paper:
    """Reads from compiled steps how far they scale."""

    out: Path = Path("runs/scale_on_paper")
    """Folder for the table."""
    sizes: tuple[int, ...] = (64, 256, 512)
    """Sizes of the images in pixels."""
    width: int = 64
    """Channels next to the image, up to eight times as many inside."""
    batch: int = 1024
    """Images in a global batch."""
    quick: bool = False
    """Small images and networks."""


def main(settings: Paper) -> int:
    """Compiles every model and writes the table; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, sizes=(16,), width=8)
    rows = []
    for family in COMPARED:
        for size in settings.sizes:
            say(f"{family}, {size} pixels")
            rows.append(read(family, size, settings.width, settings.batch))
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "scale_on_paper.json", rows)
    write_bytes(settings.out / "scale_on_paper.md", markdown(rows, settings).encode())
    result(str(settings.out / "scale_on_paper.md"))
    return 0


def read(family: str, size: int, width: int, batch: int) -> dict[str, Any]:
    """Compiles a model; returns its row."""
    model = ModelConfig(family, size, 3, "bfloat16", 4, FAMILIES[family].options(width=width))
    learner = build_learner(model)
    example = {"image": np.zeros((1, size, size, 3), np.uint8)}
    state = jax.eval_shape(lambda key: learner.init(key, example), jax.random.key(0))
    (flops, held), (more_flops, more_held) = (compiled(learner.step, state, size, number) for number in MEASURED)
    image_flops, image_bytes = ((more_flops - flops) / MEASURED[0], (more_held - held) / MEASURED[0])
    numbers = {network: count(tree) for network, tree in state.trainable.items()}
    travelling = NUMBER * sum(numbers.values())
    # held(n) = fixed + n * image_bytes: what does not grow with the batch is the state
    fixed = max(0.0, held - MEASURED[0] * image_bytes)
    return {
        "family": family,
        "size": size,
        "numbers": numbers,
        "image_flops": image_flops,
        "image_bytes": image_bytes,
        "state_bytes": fixed,
        "all_reduced_bytes": travelling,
        "images_per_chip": {
            name: max(0, int((chip.memory * 0.9 - fixed) / image_bytes)) for name, chip in CHIPS.items()
        },
        "useful_chips": {name: useful(chip, image_flops * batch, travelling, batch) for name, chip in CHIPS.items()},
    }


def compiled(step: Any, state: Any, size: int, batch: int) -> tuple[float, float]:
    """Compiles a step; returns (FLOPs, bytes that it holds)."""
    images = {"image": jax.ShapeDtypeStruct((batch, size, size, 3), np.uint8)}
    program = jax.jit(step, donate_argnums=0).lower(state, images).compile()
    cost = program.cost_analysis()
    if not cost:
        raise InputError("this backend does not say what a step costs. Run it on a CPU: JAX_PLATFORMS=cpu.")
    return float(cost["flops"]), float(held_bytes(program))


def useful(chip: Chip, flops: float, travelling: float, batch: int) -> int:
    """Counts the chips until gradients travel as long as a step computes: a power of two, at most one chip an image."""
    # n chips are of use while (flops / n) / rate > 2 * bytes / link: a ring sends each number twice
    most = flops / (REACHED * chip.flops) / (2 * travelling / chip.link)
    return 1 << int(np.log2(max(1.0, min(most, batch))))


def markdown(rows: list[dict[str, Any]], settings: Paper) -> str:
    """Writes the table."""
    chips = list(CHIPS)
    lines = [
        f"Width {settings.width}, three channels, bfloat16, a global batch of {settings.batch} images. Compiled on a"
        " CPU, which keeps more in float32 than an accelerator would: memory is an upper bound.",
        "",
        "| model | trained numbers | GFLOP an image | MB an image | MB of state | MB all-reduced a step | "
        + " | ".join(f"images a {chip} holds" for chip in chips)
        + " | "
        + " | ".join(f"useful {chip}s" for chip in chips)
        + " |",
        "|---" * (6 + 2 * len(chips)) + "|",
    ]
    for row in rows:
        cells = [
            f"{row['family'].upper()} {row['size']}",
            f"{sum(row['numbers'].values()):,}",
            f"{row['image_flops'] / 1e9:.2f}",
            f"{row['image_bytes'] / 1e6:.1f}",
            f"{row['state_bytes'] / 1e6:.0f}",
            f"{row['all_reduced_bytes'] / 1e6:.1f}",
            *(f"{row['images_per_chip'][chip]:,}" for chip in chips),
            *(str(row["useful_chips"][chip]) for chip in chips),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Paper, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
