"""The options of the controllers, under their old name."""

from genjax.control.registry import ControlConfig

__all__ = ["ControlConfig"]
