"""Adaptation during training: controllers, which set a learner's knobs from what its steps measure."""

from genjax.control.ada import ada
from genjax.control.controller import Controller, chain, check
from genjax.control.geco import geco

CONTROLLERS = {"ada": ada, "geco": geco}

__all__ = ["CONTROLLERS", "Controller", "ada", "chain", "check", "geco"]
