"""Cost of adaptation: what do a controller, a transfer and the Fisher information add?

    python experiments/bench/adaptation.py            # the demo's networks
    python experiments/bench/adaptation.py --quick    # one controller and one transfer, to see that everything runs

A controller is compared with itself held still (its knobs stay what they are), a transfer with `full`; each pair in
turns. Writes adaptation_cost.json and adaptation_cost.md into --out.

Measured with batch 64 (experiments/results/adaptation_cost.md): a controller adds 1.8 % to a step at most, `freeze`
takes 0.81 (GAN) and 0.71 (VAE) of the time of `full`, `cdc` 1.10 and 1.15; medians of 15 or 45 turns.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import numpy as np

from experiments.common.calls import stepper
from experiments.common.timing import in_turns, ratio
from genjax.config import ModelConfig
from genjax.control import NO_CONTROL, Controller, build_controller
from genjax.errors import InputError, lookup
from genjax.families.learner import Learner
from genjax.families.registry import FAMILIES, build_learner, build_transfers
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say
from genjax.transfer import diagonal_fisher

CONTROLLERS: dict[str, dict[str, dict[str, float]]] = {
    "gan": {
        "ada": {"ada_target": 0.6},
        "apa": {"apa_target": 0.6},
        "lecam": {"lecam_weight": 0.3},
        "critic_steps": {"critic_accuracy": 0.6},
        "balance": {"balance_low": 0.6},
        "gradient_guard": {"gradient_deviations": 3.0},
        "collapse_guard": {"collapse_rollbacks": 3},
        "adaptive_weight": {"transfer_ratio": 0.1},
    },
    "vae": {
        "geco": {"geco_tolerance": 0.2},
        "optimal_sigma": {"optimal_sigma": 0.0025},
        "pi_control": {"kl_target": 10.0},
        "free_bits": {"free_nats": 0.25},
        "warm_up": {"warm_up_steps": 1000},
        "gradient_guard": {"gradient_deviations": 3.0},
        "collapse_guard": {"collapse_rollbacks": 3},
    },
}
COMPARED = ("gan", "vae")
TRANSFERS = ("freeze", "lora", "scale_shift", "singular_values", "l2_sp", "miner", "replay", "cdc")


@dataclass(frozen=True)
class Bench:
    """Times steps with and without a mechanism, in turns."""

    out: Path = Path("runs/adaptation_cost")
    """Folder for the figures."""
    turns: int = 15
    """Turns of each side; the median of the ratios counts."""
    steps: int = 10
    """Steps in a turn."""
    batch: int = 64
    """Images in a batch."""
    only: tuple[str, ...] = ()
    """Mechanisms to time (and "fisher"); the rows of the others stay as they are in --out."""
    quick: bool = False
    """One controller and one transfer, few turns."""


def main(settings: Bench) -> int:
    """Times everything and writes the table; returns the exit code."""
    transfers, controllers = TRANSFERS, CONTROLLERS
    if settings.quick:
        settings = dataclasses.replace(settings, turns=1, steps=1, batch=8)
        transfers, controllers = ("lora",), {"gan": {}, "vae": {"geco": CONTROLLERS["vae"]["geco"]}}
    work = {
        **{
            (f, name): (time_controller, settings, f, name, on) for f in COMPARED for name, on in controllers[f].items()
        },
        **{(f, name): (time_transfer, settings, f, name) for f in COMPARED for name in transfers},
        **{(f, "fisher"): (time_fisher, f, 4 if settings.quick else 256) for f in COMPARED},
    }
    for name in settings.only:
        lookup({mechanism: True for _, mechanism in work}, name, "mechanism")
    path = settings.out / "adaptation_cost.json"
    there = json.loads(path.read_text(encoding="utf-8")) if settings.only and path.exists() else []
    rows = {(row["family"], row.get("name", "fisher")): row for row in there}
    for (family, name), (measure, *arguments) in work.items():
        if name in (settings.only or (name,)):
            rows[family, name] = measure(*arguments)
    rows = list(rows.values())
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(path, rows)
    write_bytes(settings.out / "adaptation_cost.md", markdown(rows, settings).encode())
    result(str(settings.out / "adaptation_cost.md"))
    return 0


def demo_model(family: str, batch: int) -> ModelConfig:
    """Config of the demo's networks."""
    return ModelConfig(family, 16, 1, "float32", batch, FAMILIES[family].options())


def hold_still(controller: Controller) -> Controller:
    """Stops a controller from moving its knobs: without its computation and what only it has measured."""
    return controller._replace(update=lambda signals, state: state, reads=())


def time_controller(settings: Bench, family: str, name: str, options: dict[str, float]) -> dict[str, Any]:
    """Compares a step under a controller with a step under the same controller held still."""
    model = demo_model(family, settings.batch)
    moving = build_controller(dataclasses.replace(NO_CONTROL, **options), FAMILIES[family].measured)
    still, moved = (build_learner(model, control=one) for one in (hold_still(moving), moving))
    return compare(settings, "controller", family, name, still, moved)


def time_transfer(settings: Bench, family: str, name: str) -> dict[str, Any]:
    """Compares a step of an adaptation with one of `full`."""
    model = demo_model(family, settings.batch)
    plain, moved = (build_learner(model, build_transfers(transfer, model)) for transfer in ("full", name))
    return compare(settings, "transfer", family, name, plain, moved)


def compare(settings: Bench, kind: str, family: str, name: str, plain: Learner, moved: Learner) -> dict[str, Any]:
    """Times two learners in turns; returns the row of a mechanism."""
    say(f"{family}: {name}")
    sides = {"plain": repeated_step(plain, settings.batch), "moved": repeated_step(moved, settings.batch)}
    times = in_turns(sides, turns=settings.turns, calls=settings.steps)
    found = ratio(times["moved"], times["plain"])
    milliseconds = {f"{side}_ms": 1e3 * float(np.median(taken)) for side, taken in times.items()}
    return {"kind": kind, "family": family, "name": name, **milliseconds, "ratio": found, "turns": settings.turns}


def repeated_step(learner: Learner, batch: int) -> Callable[[], None]:
    """Makes a callable that makes one step on noise and waits for it."""
    images = {"image": np.random.default_rng(0).integers(0, 256, (batch, 16, 16, 1), dtype=np.uint8)}
    step = jax.jit(learner.step, donate_argnums=0)
    return stepper(step, jax.jit(lambda key: learner.init(key, images))(jax.random.key(0)), images)


def time_fisher(family: str, examples: int) -> dict[str, Any]:
    """Times a source's Fisher information with its compilation: it is estimated once a source."""
    say(f"{family}: Fisher information")
    model = demo_model(family, 64)
    learner = build_learner(model)
    evidence = learner.evidence
    if evidence is None:
        raise ValueError(f"a {family} gives no evidence")
    image = {"image": np.zeros((1, 16, 16, 1), np.uint8)}
    params = jax.jit(lambda key: learner.init(key, image))(jax.random.key(0)).trainable
    keys = jax.random.split(jax.random.key(0), examples)
    sampled = {network: params[network] for network in FAMILIES[family].published(model)}
    began = time.perf_counter()
    jax.block_until_ready(diagonal_fisher(lambda moved, key: evidence(moved, params, key), sampled, keys))
    return {"kind": "fisher", "family": family, "examples": examples, "seconds": time.perf_counter() - began}


def markdown(rows: list[dict[str, Any]], settings: Bench) -> str:
    """Writes the table."""
    lines = [
        "# What adaptation costs",
        "",
        f"The demo's networks (16x16 grey, width 64), batch {settings.batch}; ratio of a step's time, median of turns"
        " in which both were timed (least .. greatest; how many turns, where not 15).",
        "",
        "| mechanism | beside | GAN | VAE |",
        "|---|---|---|---|",
    ]
    for kind, beside in (("controller", "itself, held still"), ("transfer", "`full`")):
        for name in dict.fromkeys(row["name"] for row in rows if row["kind"] == kind):
            mine = {row["family"]: row for row in rows if (row["kind"], row.get("name")) == (kind, name)}
            lines.append(f"| `{name}` | {beside} | " + " | ".join(cell(mine.get(family)) for family in COMPARED) + " |")
    seconds = [
        f"{row['seconds']:.1f} s ({row['family'].upper()}, {row['examples']} samples)"
        for row in rows
        if row["kind"] == "fisher"
    ]
    return "\n".join([*lines, "", f"Fisher information of a source, compilation included: {', '.join(seconds)}.", ""])


def cell(row: dict[str, Any] | None) -> str:
    """Formats median (least .. greatest); empty where the family has no such mechanism."""
    if row is None:
        return ""
    turns = "" if row["turns"] == 15 else f"; {row['turns']}"
    return "{:.3f} ({:.3f} .. {:.3f}{})".format(*row["ratio"], turns)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
