"""Training steps on an accelerator: settings, cases, compile and step times, and gradients beside the CPU's."""

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from experiments.common.timing import in_turns
from genjax.config import GanConfig, ModelConfig, VaeConfig
from genjax.devices.dispatch import make_programs
from genjax.devices.sharding import Layout
from genjax.families.learner import Batch, Learner, TrainState
from genjax.families.registry import build_learner
from genjax.families.text_to_image.build_prior import build_prior
from genjax.families.text_to_image.network_options import PriorConfig
from genjax.models.segments import Segment
from genjax.terminal import say
from genjax.tree import flatten

DETERMINISTIC = "xla_gpu_deterministic_ops"
# The first is what entry points set (genjax/devices/backend.py), the last what XLA does by itself.
XLA_OPTIONS: dict[str, dict[str, Any]] = {
    "deterministic, as genjax sets it": {DETERMINISTIC: True},
    "no autotuning of kernels": {DETERMINISTIC: False, "xla_gpu_autotune_level": 0},
    "XLA's defaults": {DETERMINISTIC: False},
}
SEVERAL = 10  # steps as one program


class Case(NamedTuple):
    """Training step to measure: its learner, and its batch."""

    learner: Learner
    batch: Batch


@dataclass(frozen=True)
class Accelerator:
    """Compiles, times and compares training steps on this machine's GPU."""

    out: Path = Path("runs/accelerator")
    """Folder for the figures."""
    parts: tuple[Literal["runs", "options", "steps", "flows", "several", "cpu"], ...] = (
        "runs",
        "options",
        "steps",
        "several",
        "cpu",
        "flows",
    )
    """Questions to answer."""
    turns: int = 7
    """Turns of each timing; the median counts."""
    calls: int = 20
    """Steps in a turn."""
    run_steps: int = 60
    """Steps of each run that is compared bit for bit."""
    quick: bool = False
    """Tiny networks and few steps, on a CPU too."""


class Network(NamedTuple):
    """Settings of a GAN without R1, or a VAE, of three channels, and the images in its batch."""

    family: str
    size: int
    batch: int
    width: int = 64

    @property
    def name(self) -> str:
        """Name in the tables."""
        return f"{self.family.upper()}, {self.size}x{self.size}x3, batch {self.batch}"


def small(settings: Accelerator) -> tuple[Network, ...]:
    """Lists the networks of 32 pixels: a GAN and a VAE; in the quick form a tiny VAE."""
    return (Network("vae", 16, 8, 4),) if settings.quick else (Network("gan", 32, 64), Network("vae", 32, 128))


def image_case(network: Network, dtype: str = "float32") -> Case:
    """Builds a network's training step on noise."""
    family, size, batch, width = network
    options = {"gan": GanConfig(width=width, r1_weight=0.0), "vae": VaeConfig(width=width)}[family]
    model = ModelConfig(family, size, 3, dtype, batch, options)
    images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    return Case(build_learner(model), {"image": images})


def prior_case() -> Case:
    """Builds the training step of the transformer of text and image tokens, as text to image trains it."""
    segments = (Segment("text", 45, 1024), Segment("image", 64, 128, 8))
    random = np.random.default_rng(0)
    tokens = {segment.name: random.integers(0, segment.vocabulary, (32, segment.length)) for segment in segments}
    learner = build_prior(PriorConfig(width=128, depth=4, heads=4), segments)
    return Case(learner, {name: values.astype(np.int32) for name, values in tokens.items()})


def with_options(settings: Accelerator) -> list[dict[str, Any]]:
    """Measures every case with other options of XLA: compile time, step time, and if two calls give equal bits."""
    rows = []
    cases: dict[str, Callable[[], Case]] = {one.name: partial(image_case, one) for one in small(settings)}
    if not settings.quick:
        cases["prior, 109 tokens, batch 32"] = prior_case
    for name, make in cases.items():
        for what, options in list(XLA_OPTIONS.items())[: 1 if settings.quick else None]:
            say(f"{name}, XLA options: {what}")
            rows.append({"case": name, "options": what} | timed(settings, make(), options))
    return rows


def steps(settings: Accelerator) -> list[dict[str, Any]]:
    """Measures larger images and bfloat16, with XLA's defaults."""
    networks = small(settings) if settings.quick else (*small(settings), Network("gan", 64, 64))
    rows = []
    for network in networks:
        for dtype in ("float32", "bfloat16"):
            say(f"{network.name}, {dtype}")
            rows.append({"case": network.name, "dtype": dtype} | timed(settings, image_case(network, dtype), {}))
    return rows


def timed(settings: Accelerator, case: Case, options: Mapping[str, Any]) -> dict[str, Any]:
    """Compiles and times a step, and compares the bits of two walks of ten steps from one state."""
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
    """Makes a function that returns a new first state at every call, since a step donates its input."""
    init = jax.jit(lambda key: case.learner.init(key, case.batch))
    return lambda: init(jax.random.key(0))


def walk(step: Callable[..., Any], state: TrainState, batch: Batch, number: int) -> TrainState:
    """Makes so many steps; returns the last state."""
    for _ in range(number):
        state, _ = step(state, batch)
    return state


def digest(state: TrainState) -> str:
    """Hashes all that is trained (sha256)."""
    content = hashlib.sha256()
    for name, leaf in sorted(flatten(state.trainable).items()):
        content.update(name.encode() + np.asarray(leaf).tobytes())
    return content.hexdigest()


def several(settings: Accelerator) -> list[dict[str, Any]]:
    """Times a step as the loop runs it, on images kept on the device: one by one, and ten as one program."""
    rows = []
    for network in small(settings):
        case = image_case(network)
        first = first_state(case)
        programs = make_programs(case.learner, Layout(), jax.eval_shape(first))
        kept = jax.device_put(dict(case.batch))
        indices = np.tile(np.arange(len(case.batch["image"]), dtype=np.int32), (SEVERAL, 1))
        say(f"{network.name}, one step and {SEVERAL}")
        one = looped(programs.single, first(), kept, indices[0], settings.turns, settings.calls)
        calls = max(1, settings.calls // SEVERAL)
        many = looped(programs.several, first(), kept, indices, settings.turns, calls)
        rows.append({"case": network.name, "one": 1e3 * one, "several": 1e3 * many / SEVERAL})
    return rows


def looped(program: Any, state: TrainState, kept: Any, fed: np.ndarray, turns: int, calls: int) -> float:
    """Times a call in seconds, with the indices sent at each."""

    def run() -> None:
        nonlocal state
        for _ in range(calls):
            state, _ = program(state, kept, jax.device_put(fed))
        jax.block_until_ready(state)

    return statistics.median(in_turns({"loop": run}, turns=turns)["loop"]) / calls


def beside_cpu(settings: Accelerator) -> list[dict[str, Any]]:
    """Measures the relative distance of the first gradients from the CPU's, by precision of the products."""
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
    """Concatenates the gradients of the first step: Adam's first moments, which are a multiple of them.

    A generator's come through a critic that has been updated, so that what the critic's differ by is in them too.
    """
    with jax.default_device(device), jax.default_matmul_precision(precision):
        after, _ = jax.jit(case.learner.step)(first_state(case)(), case.batch)
    moments = [leaf for name, leaf in sorted(flatten(after.optimizer).items()) if "mu" in name.split("/")]
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in moments])
