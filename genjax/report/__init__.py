"""Pictures: sample grids, and the figure of an adaptation. The one room that draws."""

from genjax.callable_room import make_callable
from genjax.report.draw.grid import image_grid, save_image

__all__ = ["image_grid", "save_image"]

make_callable(__name__)
