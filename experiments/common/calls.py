"""Callables that do their work once and wait for it, as timings need them."""

from collections.abc import Callable
from typing import Any

import jax

from genjax.families.learner import Latents, Learner


def waiting(call: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Makes a callable that waits for what a compiled function computes of these arguments, and returns it."""
    return lambda: jax.block_until_ready(call(*arguments))


def latents_of(learner: Learner) -> Latents:
    """Returns the latents of a learner whose images are made of some."""
    if learner.latents is None:
        raise ValueError("this learner makes no images of latents")
    return learner.latents


def stepper(step: Callable[..., Any], state: Any, batch: Any) -> Callable[[], None]:
    """Makes a callable that makes one training step from where the last one ended, and waits for it.

    Args:
        step: compiled (state, batch) -> (state, metrics).
        state: state before the first step; it may be donated.
        batch: batch of every step.
    """

    def run() -> None:
        nonlocal state
        state, _ = step(state, batch)
        jax.block_until_ready(state)

    return run
