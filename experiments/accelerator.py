"""What a GPU makes of genjax's steps: how near the CPU's numbers, how soon, how fast, and whether the same bits again.

    python experiments/accelerator.py            # ten minutes, most of them compiling; needs a GPU
    python experiments/accelerator.py --quick    # tiny networks on whatever there is, to see that everything runs

Four questions. How long does a step take to compile, and then to run, as it comes and with XLA told otherwise? What
do ten steps as one program save? How far are gradients from the CPU's, with products as they come and in full float32?
And do two runs of one command, and one that was stopped and resumed, end in the same bits? Each of those runs is a
process with an empty cache, as on another day; they run beside each other. Writes accelerator.json and accelerator.md
into --out.
"""

import dataclasses
import hashlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro
from accelerator_runs import same_bits
from timing import in_turns

from genjax.devices import backend

backend.prepare()  # before jax is imported
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the runs are other processes on the same GPU

import jax
import numpy as np

from genjax.config import GanConfig, ModelConfig, VaeConfig
from genjax.families.text_to_image.network_options import PriorConfig
from genjax.models.segments import Segment
from genjax.devices.dispatch import make_programs
from genjax.devices.sharding import Layout
from genjax.errors import InputError
from genjax.families.build import build_learner
from genjax.families.learner import Batch, Learner, TrainState
from genjax.families.recipes import build_transfers
from genjax.families.text_to_image.build_prior import build_prior
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say
from genjax.tree import flatten

DETERMINISTIC = "xla_gpu_deterministic_ops"
# The first is what entry points set (genjax/backend.py), the last what XLA does by itself.
TOLD: dict[str, dict[str, Any]] = {
    "to be deterministic, as genjax has it": {DETERMINISTIC: True},
    "not to try out kernels": {DETERMINISTIC: False, "xla_gpu_autotune_level": 0},
    "nothing": {DETERMINISTIC: False},
}
RUNS_TOLD = [told for told, options in TOLD.items() if len(options) == 1]
SEVERAL = 10  # steps as one program


class Case(NamedTuple):
    """A training step: its learner, and the batch that it is given."""

    learner: Learner
    batch: Batch


@dataclass(frozen=True)
class Accelerator:
    """Compiles, times and compares training steps on this machine's GPU."""

    out: Path = Path("runs/accelerator")
    """Folder for the figures."""
    parts: tuple[Literal["runs", "told", "steps", "several", "cpu"], ...] = ("runs", "told", "steps", "several", "cpu")
    """Which questions."""
    turns: int = 7
    """Of each timing; the median counts."""
    calls: int = 20
    """Steps in a turn."""
    run_steps: int = 60
    """Of each run that is compared bit for bit."""
    quick: bool = False
    """Tiny networks and few steps, on a CPU too."""


def main(settings: Accelerator) -> int:
    """Measures, writes and prints; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, turns=1, calls=2, run_steps=4)
    elif jax.default_backend() != "gpu":
        raise InputError("JAX finds no GPU here. Try --quick, which runs on a CPU too.")
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is what is timed
    find: dict[str, Callable[[Accelerator], Any]] = {
        "runs": runs,
        "told": told,
        "steps": steps,
        "several": several,
        "cpu": beside_cpu,
    }
    found: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "turns": settings.turns,
        "calls": settings.calls,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
    settings.out.mkdir(parents=True, exist_ok=True)
    for part in settings.parts:
        say(part)
        found[part] = find[part](settings)
        write_json(settings.out / "accelerator.json", found)
        write_bytes(settings.out / "accelerator.md", markdown(found).encode())
    result(markdown(found))
    return 0


class Network(NamedTuple):
    """A GAN without R1, or a VAE, of three channels, and the images in its batch."""

    family: str
    size: int
    batch: int
    width: int = 64

    @property
    def name(self) -> str:
        """Of its rows."""
        return f"{self.family.upper()}, {self.size}x{self.size}x3, batch {self.batch}"


def small(settings: Accelerator) -> tuple[Network, ...]:
    """A GAN and a VAE at 32 pixels."""
    return (Network("vae", 16, 8, 4),) if settings.quick else (Network("gan", 32, 64), Network("vae", 32, 128))


def image_case(network: Network, dtype: str = "float32") -> Case:
    """A step of it."""
    family, size, batch, width = network
    model = ModelConfig(family, size, 3, dtype, batch, GanConfig(width=width, r1_weight=0.0), VaeConfig(width=width))
    images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    return Case(build_learner(model, build_transfers(None, model)), {"image": images})


def prior_case() -> Case:
    """The transformer of text and image tokens, as text to image trains it."""
    segments = (Segment("text", 45, 1024), Segment("image", 64, 128, 8))
    random = np.random.default_rng(0)
    tokens = {segment.name: random.integers(0, segment.vocabulary, (32, segment.length)) for segment in segments}
    learner = build_prior(PriorConfig(width=128, depth=4, heads=4), segments)
    return Case(learner, {name: values.astype(np.int32) for name, values in tokens.items()})


def told(settings: Accelerator) -> list[dict[str, Any]]:
    """Every case with XLA told otherwise: seconds to compile, milliseconds a step, and whether bits come again."""
    rows = []
    cases: dict[str, Callable[[], Case]] = {one.name: partial(image_case, one) for one in small(settings)}
    if not settings.quick:
        cases["prior, 109 tokens, batch 32"] = prior_case
    for name, make in cases.items():
        for what, options in list(TOLD.items())[: 1 if settings.quick else None]:
            say(f"{name}, told {what}")
            rows.append({"case": name, "told": what} | timed(settings, make(), options))
    return rows


def steps(settings: Accelerator) -> list[dict[str, Any]]:
    """Larger images and bfloat16, as they come."""
    networks = small(settings) if settings.quick else (*small(settings), Network("gan", 64, 64))
    rows = []
    for network in networks:
        for dtype in ("float32", "bfloat16"):
            say(f"{network.name}, {dtype}")
            rows.append({"case": network.name, "dtype": dtype} | timed(settings, image_case(network, dtype), {}))
    return rows


def timed(settings: Accelerator, case: Case, options: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds to compile a step, milliseconds that it takes, and whether ten from one state give equal bits twice."""
    step = jax.jit(case.learner.step, donate_argnums=0, compiler_options=dict(options))
    first = first_state(case)
    began = time.monotonic()
    program = step.lower(first(), case.batch).compile()
    seconds = time.monotonic() - began
    batch = jax.device_put(case.batch)
    again = {digest(walk(program, first(), batch, SEVERAL)) for _ in range(2)}
    state = first()

    def one() -> None:
        nonlocal state
        for _ in range(settings.calls):
            state, _ = program(state, batch)
        jax.block_until_ready(state)

    taken = in_turns({"step": one}, turns=settings.turns)["step"]
    images = len(next(iter(case.batch.values())))
    milliseconds = 1e3 * statistics.median(taken) / settings.calls
    return {
        "compile_seconds": seconds,
        "milliseconds": milliseconds,
        "images_per_second": 1e3 * images / milliseconds,
        "same_bits": len(again) == 1,
    }


def first_state(case: Case) -> Callable[[], TrainState]:
    """Makes the state before the first step, a new one at every call: a step uses up what it is given."""
    init = jax.jit(lambda key: case.learner.init(key, case.batch))
    return lambda: init(jax.random.key(0))


def walk(step: Callable[..., Any], state: TrainState, batch: Batch, number: int) -> TrainState:
    """The state after so many steps."""
    for _ in range(number):
        state, _ = step(state, batch)
    return state


def digest(state: TrainState) -> str:
    """sha256 of all that is trained."""
    content = hashlib.sha256()
    for name, leaf in sorted(flatten(state.trainable).items()):
        content.update(name.encode() + np.asarray(leaf).tobytes())
    return content.hexdigest()


def several(settings: Accelerator) -> list[dict[str, Any]]:
    """Milliseconds of a step as the loop runs it, on images that the device keeps: one by one, and ten as a program."""
    rows = []
    for network in small(settings):
        case = image_case(network)
        first = first_state(case)
        programs = make_programs(case.learner, Layout(), jax.eval_shape(first))
        kept = jax.device_put(case.batch["image"])
        indices = np.tile(np.arange(len(case.batch["image"]), dtype=np.int32), (SEVERAL, 1))
        say(f"{network.name}, one step and {SEVERAL}")
        one = looped(programs.single, first(), kept, indices[0], settings.turns, settings.calls)
        calls = max(1, settings.calls // SEVERAL)
        many = looped(programs.several, first(), kept, indices, settings.turns, calls)
        rows.append({"case": network.name, "one": 1e3 * one, "several": 1e3 * many / SEVERAL})
    return rows


def looped(program: Any, state: TrainState, kept: Any, fed: np.ndarray, turns: int, calls: int) -> float:
    """Seconds of a call, the indices being sent at each."""

    def run() -> None:
        nonlocal state
        for _ in range(calls):
            state, _ = program(state, kept, jax.device_put(fed))
        jax.block_until_ready(state)

    return statistics.median(in_turns({"loop": run}, turns=turns)["loop"]) / calls


def beside_cpu(settings: Accelerator) -> list[dict[str, Any]]:
    """How far the first gradients are from the CPU's, as a part of their length: products as they come, and in full."""
    rows = []
    for network in small(settings):
        expected = gradients(image_case(network), jax.devices("cpu")[0], "highest")
        row: dict[str, Any] = {"case": network.name}
        for precision in ("default", "highest"):
            say(f"{network.name}, {precision}")
            found = gradients(image_case(network), jax.devices()[0], precision)
            row[precision] = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
        rows.append(row)
    return rows


def gradients(case: Case, device: Any, precision: str) -> np.ndarray:
    """Those of the first step, all in one row: Adam's first moments, which are a multiple of them.

    A generator's come through a critic that has been updated, so that what the critic's differ by is in them too.
    """
    with jax.default_device(device), jax.default_matmul_precision(precision):
        after, _ = jax.jit(case.learner.step)(first_state(case)(), case.batch)
    moments = [leaf for name, leaf in sorted(flatten(after.optimizer).items()) if "mu" in name.split("/")]
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in moments])


def runs(settings: Accelerator) -> dict[str, Any]:
    """Whether runs end in the same bits: the command twice, and once stopped half way and resumed."""
    network = ("--model", "vae", "--vae.width", "8") if settings.quick else ("--model", "gan")
    told = {what: TOLD[what] for what in RUNS_TOLD[: 1 if settings.quick else None]}
    return {"steps": settings.run_steps, "network": network[1], "told": same_bits(told, network, settings.run_steps)}


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    lines = [
        f"On one {found['device']}, jax {found['jax']}; medians of {found['turns']} turns of {found['calls']} steps."
    ]
    for part, title, key in (("told", "XLA is told", "told"), ("steps", "computes in", "dtype")):
        if part in found:
            lines += ["", f"| case | {title} | compiles, s | step, ms | images a second | same bits in one process |"]
            lines += ["|---|---|---|---|---|---|"]
            lines += [f"| {row['case']} | {row[key]} | {speed_cells(row)} |" for row in found[part]]
    if "several" in found:
        lines += ["", f"| step as the loop runs it, ms | one at a time | {SEVERAL} as one program |", "|---|---|---|"]
        lines += [f"| {row['case']} | {row['one']:.3g} | {row['several']:.3g} |" for row in found["several"]]
    if "cpu" in found:
        lines += ["", "| gradients of the first step, distance from the CPU's | as they come | float32 |"]
        lines += ["|---|---|---|"]
        lines += [f"| {row['case']} | {row['default']:.1e} | {row['highest']:.1e} |" for row in found["cpu"]]
    if "runs" in found:
        run = found["runs"]
        lines += [
            "",
            f"| a {run['network'].upper()}, {run['steps']} steps, bit for bit; XLA is told | again | resumed |",
            "|---|---|---|",
        ]
        for what, same in run["told"].items():
            lines.append(f"| {what} | {equal(same['again'])} | {equal(same['resumed'])} |")
    return "\n".join([*lines, ""])


def speed_cells(row: dict[str, Any]) -> str:
    """The figures of a row, but for its names."""
    cells = [f"{row['compile_seconds']:.1f}", f"{row['milliseconds']:.3g}", f"{row['images_per_second']:,.0f}"]
    return " | ".join([*cells, equal(row["same_bits"])])


def equal(same: bool) -> str:
    """A word for a cell."""
    return "equal" if same else "differ"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Accelerator, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
