"""Controller benchmark: do controllers hold their targets on untuned sets, and do they steady a GAN on few images?

    python experiments/few_shot/controllers.py                  # VAE part, then GAN part; resumable
    python experiments/few_shot/controllers.py --parts vae
    python experiments/few_shot/controllers.py --quick          # a few steps, to see that everything runs

A row is one run. Writes controllers.jsonl and controllers.md into --out.

Measured with one seed a VAE and three a GAN (experiments/results/controllers.md): GECO, PI control and the optimal
sigma come within 1.6 % of their targets on all three sets, and no GAN collapsed, with a controller or without.
"""

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.resumed import add_row, read_rows
from genjax.config import ControlConfig, TrainConfig
from genjax.errors import InputError
from genjax.evaluate.metrics.stability import stability
from genjax.store.metrics import read_metrics
from genjax.store.run_folder import RunFolder, write_bytes
from genjax.terminal import result, say
from genjax.training.loop import train

TOLERANCE, KL = 0.2, 10.0  # targets of GECO and PI, on every set
LATE = 0.2  # of the run, over which the signals are averaged
OFF = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
VAES = {
    "fixed beta 1": OFF,
    "geco": dataclasses.replace(OFF, geco_tolerance=TOLERANCE),
    "pi": dataclasses.replace(OFF, kl_target=KL),
    "sigma": dataclasses.replace(OFF, optimal_sigma=0.0025),
}
GANS = {
    "none": OFF,
    "ada": dataclasses.replace(OFF, ada_target=0.6),
    "apa": dataclasses.replace(OFF, apa_target=0.6),
    "lecam": dataclasses.replace(OFF, lecam_weight=0.3, lecam_start=200),
    "guards": dataclasses.replace(OFF, gradient_deviations=3.0, collapse_rollbacks=3),
}
SETS = ("digits", "glyphs", "glyphs:letters")
KD = "evaluate/KD[embedded-v1]"


@dataclass(frozen=True)
class Benchmark:
    """Trains VAEs and GANs under controllers, and measures how near their targets they stay."""

    out: Path = Path("runs/controllers")
    """Folder for rows and table."""
    parts: tuple[Literal["vae", "gan"], ...] = ("vae", "gan")
    """Families to train."""
    sets: tuple[str, ...] = SETS
    """Sets of the VAEs."""
    controllers: tuple[str, ...] = (*VAES, *GANS)
    """Controllers to compare."""
    vae_steps: int = 2000
    """Steps of each VAE, batch 64."""
    gan_steps: int = 1500
    """Steps of each GAN, batch 64."""
    images: tuple[int, ...] = (100, 300, 0)
    """Digits to train a GAN on; 0 is all that are not held out."""
    seeds: int = 3
    """Seeds of each GAN; a VAE has one."""
    quick: bool = False
    """A few steps, to see that everything runs."""


def main(settings: Benchmark) -> int:
    """Runs every row that is missing, then writes the table; returns the exit code."""
    if settings.quick:
        tiny = {"vae_steps": 20, "gan_steps": 20, "images": (100,), "seeds": 1}
        settings = dataclasses.replace(settings, parts=("vae",), sets=SETS[:1], controllers=("geco",), **tiny)
    path = settings.out / "controllers.jsonl"
    for name, config in runs(settings):
        if name.split("/")[2] not in settings.controllers or name in {row["run"] for row in read_rows(path)}:
            continue
        say(f"\n{name}")
        shutil.rmtree(config.out, ignore_errors=True)
        outcome = train(config)
        if outcome.signal is not None:
            return 130
        lines = read_metrics(RunFolder(config.out).metrics)
        family = config.family.name
        row = {"run": name, "family": family, "data": config.data, "seed": config.seed, "steps": config.steps}
        row |= {"controller": name.split("/")[2], "images": config.num_images, "collapse": outcome.collapse}
        row |= vae_row(lines) if family == "vae" else gan_row(lines)
        add_row(path, row)
    rows = read_rows(path)
    write_bytes(settings.out / "controllers.md", markdown(rows).encode())
    result(str(settings.out / "controllers.md"))
    return 0


def runs(settings: Benchmark) -> Iterator[tuple[str, TrainConfig]]:
    """Yields (name, config) of every run."""
    settings.out.mkdir(parents=True, exist_ok=True)
    out = settings.out / "run"
    if "vae" in settings.parts:
        steps = settings.vae_steps
        for data in settings.sets:
            for controller, control in VAES.items():
                base = TrainConfig(data=data, model="vae", steps=steps, evaluate_every=0, out=out, control=control)
                every = {"log_every": max(1, steps // 100), "sample_every": steps, "save_every": steps}
                yield f"vae/{data}/{controller}/0", dataclasses.replace(base, **every)
    if "gan" in settings.parts:
        steps = settings.gan_steps
        for seed in range(settings.seeds):
            for num in settings.images:
                for controller, control in GANS.items():
                    every = {
                        "evaluate_every": max(1, steps // 10),
                        "sample_every": steps,
                        "save_every": max(1, steps // 10),
                    }
                    base = TrainConfig(data="digits", steps=steps, seed=seed, num_images=num, out=out, control=control)
                    yield f"gan/digits {num or 'all'}/{controller}/{seed}", dataclasses.replace(base, **every)


def vae_row(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Averages the held signals over the last part of the run."""
    late = lines[-max(1, round(LATE * len(lines))) :]

    def mean(name: str) -> float:
        return float(np.mean([line[name] for line in late if name in line]))

    return {
        "rmse": mean("loss/squared_error") ** 0.5,
        "kl": mean("loss/kl"),
        "reconstruction_weight": mean("control/reconstruction_weight"),
        "kl_weight": mean("control/kl_weight"),
        "weighted_error": mean("loss/squared_error") * mean("control/reconstruction_weight"),
    }


def gan_row(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Measures how steady the evaluations along training were."""
    coverage = [name for name in {name for line in lines for name in line} if name.startswith("evaluate/coverage")]
    try:
        found = stability(lines, metric=KD, diversity=coverage)._asdict()
    except InputError:  # given up before its first evaluation
        found = {"best": float("nan"), "final": float("nan"), "collapse_step": lines[-1]["step"] if lines else 0}
    return {name: None if value != value else value for name, value in found.items()}  # JSON has no NaN


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes the tables of both parts."""
    text = ["# Controllers", ""]
    vaes = [row for row in rows if row["family"] == "vae"]
    if vaes:
        text += [
            f"VAE, 16x16, the same settings on every set; means over the last fifth of {vaes[0]['steps']:,} steps of"
            f" batch 64, one seed. GECO holds the root mean squared error at {TOLERANCE}, PI the KL at {KL:g} nats,"
            " sigma the weighted error at 1.",
            "",
            "| set | controller | RMSE | KL, nats | weighted error | held | off by |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in vaes:
            held, off = target(row)
            numbers = f"{row['rmse']:.4f} | {row['kl']:.2f} | {row['weighted_error']:.3f}"
            text.append(f"| {row['data']} | {row['controller']} | {numbers} | {held} | {off} |")
        text.append("")
    gans = [row for row in rows if row["family"] == "gan"]
    if gans:
        text += [
            f"GAN on digits, {gans[0]['steps']:,} steps of batch 64; KD[embedded-v1] against held-out digits along"
            " training, mean over seeds (least .. greatest); final / best is the mean over seeds of each one's ratio.",
            "",
        ]
        text += [
            "| images | controller | seeds | best | final | final / best | collapses |",
            "|---|---|---|---|---|---|---|",
        ]
        for key in dict.fromkeys((row["images"], row["controller"]) for row in gans):
            mine = [row for row in gans if (row["images"], row["controller"]) == key]
            evaluated = [row for row in mine if row["final"] is not None]
            best, final = (spread([row[name] for row in evaluated]) for name in ("best", "final"))
            ratio = spread([row["final"] / row["best"] for row in evaluated if row["best"] > 0])
            lost = sum(row["collapse_step"] is not None or bool(row["collapse"]) for row in mine)
            numbers = f"{best} | {final} | {ratio} | {lost} of {len(mine)}"
            text.append(f"| {key[0] or 'all'} | {key[1]} | {len(mine)} | {numbers} |")
        text.append("")
    return "\n".join(text)


def spread(values: list[float]) -> str:
    """Formats mean (least .. greatest)."""
    return f"{np.mean(values):.2f} ({min(values):.2f} .. {max(values):.2f})" if values else "none"


def target(row: dict[str, Any]) -> tuple[str, str]:
    """Names the target of a controller, and formats by how much it was missed."""
    goals = {"geco": ("RMSE", row["rmse"] / TOLERANCE), "pi": ("KL", row["kl"] / KL)}
    goals["sigma"] = ("weighted error", row["weighted_error"])
    if row["controller"] not in goals:
        return "nothing", f"RMSE {row['rmse'] / TOLERANCE - 1:+.0%}, KL {row['kl'] / KL - 1:+.0%}"
    name, ratio = goals[row["controller"]]
    return name, f"{ratio - 1:+.1%}"


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Benchmark, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
