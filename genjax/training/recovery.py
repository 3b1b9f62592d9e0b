"""After a collapse: back to the last sound checkpoint with lower learning rates, a few times and no more."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from genjax.control.collapse_guard import CollapseState, rolled_back
from genjax.devices.sharding import place, placed_like, whole
from genjax.families.learner import TrainState
from genjax.families.step import IN_A_ROW
from genjax.store import checkpoint
from genjax.training.plan import Plan

STUCK = 100  # updates of a network in a row that could not be used, after which the run is given up


def collapsed(measured: Mapping[str, Any]) -> bool:
    """Returns True if the collapse guard says that the run is lost, or, without one, nothing was learned for long."""
    return float(measured.get("control/collapsed", 0)) > 0 or bool(stuck(measured))


def stuck(measured: Mapping[str, Any]) -> list[str]:
    """Returns the networks of which the last updates were all skipped."""
    rows = {name: int(value) for name, value in measured.items() if name.endswith(IN_A_ROW)}
    return [name.removeprefix("skipped/").removesuffix(IN_A_ROW) for name, row in rows.items() if row >= STUCK]


def skips(measured: Mapping[str, Any]) -> str:
    """Counts the skipped updates of each network, in a line; empty where all were used."""
    totals = {name: value for name, value in measured.items() if name.startswith("skipped/")}
    found = [
        f"{int(value)} of the {name.removeprefix('skipped/')}"
        for name, value in totals.items()
        if int(value) and not name.endswith(IN_A_ROW)
    ]
    return f"updates were skipped, for gradients that were not finite or too long: {', '.join(found)}" if found else ""


def sound(measured: Mapping[str, Any]) -> bool:
    """Returns True if nothing was amiss in this step, so that one can come back to it."""
    return float(measured.get("control/unsound_steps", 0)) == 0


def roll_back(
    plan: Plan, checkpoints: checkpoint.Manager, state: TrainState, begin: Callable[[], TrainState]
) -> TrainState | None:
    """Returns the state to go on from; None where the run has been rolled back as often as it may be.

    Args:
        plan: of the run; without a collapse guard it is never rolled back.
        checkpoints: of the run; those after the one that is returned are deleted.
        state: that has collapsed.
        begin: the state before the first step, for a run without a sound checkpoint.
    """
    most = plan.config.control.collapse_rollbacks
    if not most:
        return None
    turn = next(i for i, part in enumerate(state.control) if isinstance(part, CollapseState))
    guard = whole(plan.layout, state.control[turn])
    if int(guard.rollbacks) >= most:
        return None
    like = placed_like(plan.layout, state)
    found = checkpoint.latest(checkpoints, like, accept=lambda notes: bool(notes.get("sound", True)))
    restored = place(plan.layout, begin()) if found is None else found
    checkpoint.delete_after(checkpoints, int(restored.step))
    control = list(restored.control)
    control[turn] = place(plan.layout, rolled_back(guard, most=most))
    return dataclasses.replace(restored, control=tuple(control))


def autopsy(step: int, measured: Mapping[str, Any]) -> str:
    """Describes in a line what was measured when a run was given up."""
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
    reason = f"collapsed at step {step} and not rolled back again"
    if stuck(measured):
        reason = f"given up at step {step}: the last {STUCK} updates or more of the {' and the '.join(stuck(measured))}"
        reason += " were skipped, their gradients not being finite"
    return f"{reason}: {numbers}"
