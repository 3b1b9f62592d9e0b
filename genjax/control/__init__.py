"""Adaptation during training: controllers, which set a learner's knobs from what its steps measure."""

from genjax.control.ada import ada
from genjax.control.adaptive_weight import adaptive_weight
from genjax.control.annealing import kl_annealing, learning_rate_annealing, temperature
from genjax.control.apa import apa
from genjax.control.balance import balance
from genjax.control.collapse_guard import collapse_guard
from genjax.control.controller import Controller, chain, check
from genjax.control.critic_steps import adaptive_critic_steps
from genjax.control.geco import geco
from genjax.control.gradient_guard import gradient_guard
from genjax.control.lecam import lecam
from genjax.control.optimal_sigma import optimal_sigma
from genjax.control.pi_control import pi_control
from genjax.control.schedules import capacity, cyclical, free_bits, warm_up

CONTROLLERS = {
    "ada": ada,
    "apa": apa,
    "lecam": lecam,
    "critic_steps": adaptive_critic_steps,
    "balance": balance,
    "geco": geco,
    "pi_control": pi_control,
    "optimal_sigma": optimal_sigma,
    "free_bits": free_bits,
    "capacity": capacity,
    "warm_up": warm_up,
    "cyclical": cyclical,
    "temperature": temperature,
    "kl_annealing": kl_annealing,
    "learning_rate_annealing": learning_rate_annealing,
    "adaptive_weight": adaptive_weight,
    "gradient_guard": gradient_guard,
    "collapse_guard": collapse_guard,
}

__all__ = [
    "CONTROLLERS",
    "Controller",
    "ada",
    "adaptive_critic_steps",
    "adaptive_weight",
    "apa",
    "balance",
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
    "optimal_sigma",
    "pi_control",
    "temperature",
    "warm_up",
]
