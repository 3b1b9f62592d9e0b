"""Adaptation during training: controllers, which set a learner's knobs from signals that its steps measure."""

from genjax.control.ada import ada
from genjax.control.adaptive_weight import adaptive_weight
from genjax.control.apa import apa
from genjax.control.balance import balance
from genjax.control.collapse_guard import collapse_guard
from genjax.control.controller import Controllable, Controller, Setting, Spec, chain, check
from genjax.control.critic_steps import adaptive_critic_steps
from genjax.control.geco import geco
from genjax.control.gradient_guard import gradient_guard
from genjax.control.lecam import lecam
from genjax.control.memorisation import memorisation
from genjax.control.optimal_sigma import optimal_sigma
from genjax.control.pi_control import pi_control
from genjax.control.registry import CONTROLLERS, NO_CONTROL, ControlConfig, build_controller
from genjax.control.schedules.cosines import kl_annealing, learning_rate_annealing, temperature
from genjax.control.schedules.kl import capacity, cyclical, free_bits, warm_up
from genjax.control.schedules.recipe import recipe
from genjax.control.schedules.top_k import top_k

__all__ = [
    "CONTROLLERS",
    "NO_CONTROL",
    "ControlConfig",
    "Controllable",
    "Controller",
    "Setting",
    "Spec",
    "ada",
    "adaptive_critic_steps",
    "adaptive_weight",
    "apa",
    "balance",
    "build_controller",
    "capacity",
    "chain",
    "check",
    "collapse_guard",
    "cyclical",
    "free_bits",
    "geco",
    "gradient_guard",
    "kl_annealing",
    "learning_rate_annealing",
    "lecam",
    "memorisation",
    "optimal_sigma",
    "pi_control",
    "recipe",
    "temperature",
    "top_k",
    "warm_up",
]
