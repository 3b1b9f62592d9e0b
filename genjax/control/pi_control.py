"""PI control of the KL: beta holds the latents at a given number of nats. (Shao et al. 2020, ControlVAE, algorithm 1)

Three things differ from the authors' code, which winds up its integral (it took 59,901 steps to leave a bound), stays
at a bound once it has reached it, and overflows in exp(e) at e = 900: here the integral moves only as far as beta's
bounds, it is never reset, and the sigmoid is a stable one. When: the latents are to carry a given amount of
information, whatever the set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from genjax.control.controller import BALANCE, Controllable, Controller, Knobs, Signals, Spec, finite_or
from genjax.limits import at_least

FARTHEST = 1e6  # nats: bound of the measured KL, so that its product with the gain stays finite


@dataclass(frozen=True)
class PiOptions:
    """Options of PI control."""

    kl_target: float = 0.0
    """PI control: nats per image that the latents are to carry; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses a target that is negative or not finite."""
        at_least("control", self, 0, "kl_target")


class PiState(NamedTuple):
    """Float32 scalars ()."""

    kl: Array  # moving average of the KL; NaN before the first step
    integral: Array  # I
    weight: Array  # beta, within the bounds


def pi_control(
    target: float,
    *,
    proportional: float = 0.01,
    integral: float = 1e-3,
    bounds: tuple[float, float] = (0.0, 1.0),
    smoothing: float = 0.9,
) -> Controller:
    """Sets `kl_weight` within `bounds` from the signal `kl`.

    Args:
        target: KL to hold, in nats per image.
        proportional: gain Kp (.01).
        integral: gain Ki. The authors' 1e-4 is for runs of 10^5 steps: beta then follows with a time constant of about
            1,000 steps (one over Ki times the slope of the KL in beta, some 8 nats), and ours have a few thousand.
        bounds: lowest and highest weight.
        smoothing: decay of the KL's moving average, in [0, 1); the authors have none.
    """
    low, high = bounds

    def init() -> PiState:
        return PiState(jnp.full((), jnp.nan, jnp.float32), jnp.zeros(()), jnp.full((), low, jnp.float32))

    def update(signals: Signals, state: PiState) -> PiState:
        now = finite_or(signals["kl"], state.kl)
        kl = jnp.where(jnp.isfinite(state.kl), smoothing * state.kl + (1 - smoothing) * now, now)
        kl = jnp.clip(kl, -FARTHEST, FARTHEST)  # NaN, before anything finite was measured, stays
        # e = target - KL;  I -= Ki e;  beta = Kp sigmoid(-e) + I + beta_min
        error = jnp.where(jnp.isfinite(kl), target - kl, 0.0)
        gain = proportional * jax.nn.sigmoid(-error)
        # Anything that would carry beta out of its bounds is not integrated: it would have to be undone first.
        held = jnp.clip(state.integral - integral * error, -gain, high - low - gain)
        return PiState(kl, held, jnp.clip(gain + held + low, low, high))

    def knobs(state: PiState) -> Knobs:
        return {"kl_weight": state.weight}

    return Controller(init, update, knobs, reads=("kl",), sets=("kl_weight",), name="pi_control")


def build(options: PiOptions, learner: Controllable) -> Sequence[Controller]:
    """Builds the controller from the options."""
    return (pi_control(options.kl_target),)


SPEC = Spec(
    name="pi_control",
    summary="holds the KL by its weight",
    options=PiOptions,
    switches={"kl_target": 16.0},
    build=build,
    claims=(BALANCE,),
)
