"""Adaptive critic steps: a critic that falls behind gets more updates for each of the generator's. (Bie et al. 2023)

While the moving average of its accuracy on generated images is at the threshold or below, the number of its steps goes
to the next in a list (section 4.2). When: noise or strong augmentation holds the critic back, as in private training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from genjax.control.controller import Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.errors import InputError
from genjax.limits import at_least, at_most


@dataclass(frozen=True)
class CriticStepsOptions:
    """Options of the adaptive critic steps."""

    critic_accuracy: float = 0.0
    """Critic steps: accuracy on generated images under which the critic gets more steps (the paper: .6); 0 is off."""

    def __post_init__(self) -> None:
        """Refuses an accuracy outside of [0, 1)."""
        at_least("control", self, 0, "critic_accuracy")
        at_most("control", self, 0.9999999, "critic_accuracy")


class CriticStepsState(NamedTuple):
    """Float32 scalars (), and an int32 one."""

    accuracy: Array  # moving average, in [0, 1]
    choice: Array  # index into the choices, int32
    generator_updates: Array  # updates of the generator since the last decision
    waited: Array  # steps since the generator's last update


def adaptive_critic_steps(
    *,
    threshold: float = 0.6,
    patience: int = 200,
    decay: float = 0.99,
    choices: Sequence[int] = (1, 2, 5, 10, 20, 50),
) -> Controller:
    """Sets `generator_turn` (0 or 1) and `critic_steps` (in `choices`) from `fake_accuracy` and `generator_updated`.

    Args:
        threshold: accuracy on generated images at or below which the critic gets more steps, in [0, 1].
        patience: updates of the generator before each decision.
        decay: decay of the accuracy's moving average, in [0, 1).
        choices: rising numbers of critic steps for each step of the generator.
    Raises:
        InputError: choices that do not rise from 1 or more.
    """
    if not choices or choices[0] < 1 or list(choices) != sorted(set(choices)):
        raise InputError(f"critic steps {tuple(choices)} were given, expected rising numbers from 1 on.")
    numbers = jnp.asarray(choices, jnp.float32)

    def init() -> CriticStepsState:
        # The average starts at 1, above any threshold: a critic that was not measured yet is not behind.
        return CriticStepsState(jnp.ones(()), jnp.zeros((), jnp.int32), jnp.zeros(()), jnp.zeros(()))

    def update(signals: Signals, state: CriticStepsState) -> CriticStepsState:
        known = jnp.clip(finite_or(signals["fake_accuracy"], state.accuracy), 0, 1)
        accuracy = decay * state.accuracy + (1 - decay) * known
        updated = finite_or(signals["generator_updated"], jnp.zeros(())) > 0
        updates = state.generator_updates + updated
        due = updates >= patience
        more = due & (accuracy <= threshold)
        return CriticStepsState(
            accuracy=accuracy,
            choice=jnp.where(more, jnp.minimum(state.choice + 1, len(choices) - 1), state.choice),
            generator_updates=jnp.where(due, 0.0, updates),
            waited=jnp.where(updated, 0.0, jnp.minimum(state.waited + 1, float(choices[-1]))),
        )

    def knobs(state: CriticStepsState) -> Knobs:
        steps = numbers[state.choice]
        # The generator's turn comes when this step would be the critic's last of its number.
        return {"generator_turn": jnp.where(state.waited + 1 >= steps, 1.0, 0.0), "critic_steps": steps}

    reads = ("fake_accuracy", "generator_updated")
    return Controller(init, update, knobs, reads=reads, sets=("generator_turn", "critic_steps"), name="critic_steps")


def build(options: CriticStepsOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (adaptive_critic_steps(threshold=options.critic_accuracy),)


SPEC = Spec(
    name="critic_steps",
    summary="gives a critic that falls behind more steps",
    options=CriticStepsOptions,
    switches={"critic_accuracy": 0.6},
    build=build,
)
