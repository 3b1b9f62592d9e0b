"""Training steps on a GPU: how fast are they, how near the CPU's numbers, and do the same bits come again?

    python experiments/bench/accelerator.py            # ten minutes, most of them compiling; needs a GPU
    python experiments/bench/accelerator.py --quick    # tiny networks on whatever there is, to see that everything runs

It answers: how long a step takes to compile and to run, by default and with other options of XLA; what ten steps as one
program save; how far gradients are from the CPU's, with the default products and in full float32; and if two runs of
one command, and one that was stopped and resumed, end in the same bits. Each of those runs is a process with an empty
cache, as on another day; they run beside each other. Steps of flow models are timed beside the card's matrix product
and, where PyTorch is installed, its compiled step of the same network. Writes accelerator.json and accelerator.md into
--out.

Measured on 2026-11-26 on one NVIDIA H200, jax 0.11.2 (experiments/results/accelerator.md): a DCGAN's step of 64 images
of 32 pixels takes 1.8 ms, a VAE's of 128 images 2.0 ms, and deterministic kernels compile four times sooner.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the runs are other processes on the same GPU

import jax

from experiments.bench.accelerator_flows import flows
from experiments.bench.accelerator_runs import same_bits
from experiments.bench.accelerator_steps import XLA_OPTIONS, Accelerator, beside_cpu, several, steps, with_options
from experiments.bench.accelerator_tables import markdown
from genjax.errors import InputError
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say

RUNS_OPTIONS = [name for name, options in XLA_OPTIONS.items() if len(options) == 1]


def main(settings: Accelerator) -> int:
    """Answers the asked questions, writes after each, prints the report; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, turns=1, calls=2, run_steps=4)
    elif jax.default_backend() != "gpu":
        raise InputError("JAX finds no GPU here. Try --quick, which runs on a CPU too.")
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is what is timed
    find: dict[str, Callable[[Accelerator], Any]] = {
        "runs": runs,
        "options": with_options,
        "steps": steps,
        "several": several,
        "cpu": beside_cpu,
        "flows": flows,
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


def runs(settings: Accelerator) -> dict[str, Any]:
    """Compares runs bit for bit: the command twice, and once stopped half way and resumed."""
    network = ("--model", "vae", "--vae.width", "8") if settings.quick else ("--model", "gan")
    options = {name: XLA_OPTIONS[name] for name in RUNS_OPTIONS[: 1 if settings.quick else None]}
    return {
        "steps": settings.run_steps,
        "network": network[1],
        "options": same_bits(options, network, settings.run_steps),
    }


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Accelerator, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
