"""The checks of `genjax.limits`, under their old name."""

from genjax.limits import above_zero, at_least, at_most, check_seed

__all__ = ["above_zero", "at_least", "at_most", "check_seed"]
