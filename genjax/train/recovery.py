"""After a collapse: back to the last sound checkpoint with lower learning rates, a few times and no more."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from genjax.control.collapse_guard import rolled_back
from genjax.train import checkpoint
from genjax.train.plan import Plan
from genjax.train.sharding import place, placed_like, whole
from genjax.train.state import TrainState


def collapsed(measured: Mapping[str, Any]) -> bool:
    """Whether the collapse guard gave this run up; without one never."""
    return float(measured.get("control/collapsed", 0)) > 0


def sound(measured: Mapping[str, Any]) -> bool:
    """Whether nothing was amiss in this step, so that one can come back to it."""
    return float(measured.get("control/unsound_steps", 0)) == 0


def roll_back(
    plan: Plan, checkpoints: checkpoint.Manager, state: TrainState, begin: Callable[[], TrainState]
) -> TrainState | None:
    """The state to go on from; None where the run has been rolled back as often as it may be.

    Args:
        plan: of the run, with a collapse guard.
        checkpoints: of the run; those after the one that is returned are deleted.
        state: that has collapsed.
        begin: the state before the first step, for a run without a sound checkpoint.
    """
    most = plan.config.control.collapse_rollbacks
    guard = whole(plan.layout, state.control[-1])  # the last controller of the chain
    if int(guard.rollbacks) >= most:
        return None
    like = placed_like(plan.layout, state)
    found = checkpoint.latest(checkpoints, like, accept=lambda notes: bool(notes.get("sound", True)))
    restored = place(plan.layout, begin()) if found is None else found
    checkpoint.delete_after(checkpoints, int(restored.step))
    lowered = place(plan.layout, rolled_back(guard, most=most))
    return dataclasses.replace(restored, control=(*restored.control[:-1], lowered))


def autopsy(step: int, measured: Mapping[str, Any]) -> str:
    """What was seen when a run was given up, in a line."""
    seen = (
        "control/rollbacks",
        "logits/real",
        "logits/fake",
        "diversity",
        "loss/critic",
        "loss/generator",
        "loss/total",
    )
    numbers = ", ".join(f"{name} {float(measured[name]):.3g}" for name in seen if name in measured)
    return f"collapsed at step {step} and not rolled back again: {numbers}"
