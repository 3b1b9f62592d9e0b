"""A branch on a CPU: how long does R1's gradient take inside `lax.cond`, and how long where both sides are computed?

    python experiments/gan/branch.py             # of the DCGAN's critic, 16 pixels, batch 64
    python experiments/gan/branch.py --quick     # once, at width 8

The same gradient is compiled plainly, in a branch that is taken, in one that is not, and by `either`, by which steps
choose. Writes branch.md into --out.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp

from genjax.families.step import either
from genjax.losses.penalties import r1
from genjax.models.dcgan import Critic
from genjax.store.run_folder import write_bytes
from genjax.terminal import result


@dataclass(frozen=True)
class Settings:
    """Times the gradient of R1, plainly and under a condition."""

    out: Path = Path("runs/branch")
    """Folder of the table."""
    width: int = 64
    """Width of the critic."""
    size: int = 16
    """Pixels of a side."""
    batch: int = 64
    """Images."""
    calls: int = 15
    """Calls of which the median is taken."""
    quick: bool = False
    """Once, at width 8."""


def main(settings: Settings) -> int:
    """Times the forms in turn and writes the table; returns the exit code."""
    width, calls = (8, 1) if settings.quick else (settings.width, settings.calls)
    critic = Critic(settings.size, width)
    images = jax.random.normal(jax.random.key(0), (settings.batch, settings.size, settings.size, 1))
    params = jax.jit(critic.init)(jax.random.key(1), images)

    def penalised(params: Any) -> Any:
        return jax.grad(lambda tree: r1(lambda seen: jnp.asarray(critic.apply(tree, seen)), images).mean())(params)

    def held(params: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    forms: dict[str, tuple[Callable[..., Any], bool]] = {
        "plain": (lambda due, params: penalised(params), True),
        "a branch that is taken": (lambda due, params: jax.lax.cond(due, penalised, held, params), True),
        "a branch that is not": (lambda due, params: jax.lax.cond(due, penalised, held, params), False),
        "both sides, of which one is chosen": (
            lambda due, params: either(due, lambda: penalised(params), lambda: held(params)),
            False,
        ),
    }
    compiled = {name: jax.jit(form) for name, (form, _) in forms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(calls + 1):  # in turns, so that all see the same machine; the first compiles
        for name, (_, due) in forms.items():
            began = time.perf_counter()
            jax.block_until_ready(compiled[name](jnp.bool_(due), params))
            if turn:
                seconds[name].append(time.perf_counter() - began)
    text = [
        f"R1's gradient of the DCGAN's critic, width {width}, {settings.size}x{settings.size} pixels, {settings.batch}"
        f" images; {jax.default_backend()}, jax {jax.__version__}; median of {calls} calls.",
        "",
        "| form | ms |",
        "|---|---|",
        *(f"| {name} | {1e3 * median(found):.1f} |" for name, found in seconds.items()),
        "",
    ]
    settings.out.mkdir(parents=True, exist_ok=True)
    write_bytes(settings.out / "branch.md", "\n".join(text).encode())
    result("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Settings, config=(tyro.conf.FlagCreatePairsOff,))))
