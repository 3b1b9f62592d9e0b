"""jax, jax.numpy and Array for files that also hold options: jax is imported when a function first uses it.

`genjax --help` reads all options and must be quick, and an entry point chooses its backend before jax is imported.
Where jax was imported before, these are the modules themselves, and annotations are checked as usual.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jax" in sys.modules:
    import jax
    import jax.numpy as jnp
    from jax import Array
else:

    class LazyModule:
        """A stand-in for a module, which is imported when one of its attributes is first read."""

        def __init__(self, name: str) -> None:
            """Takes the full name of the module."""
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            """Reads the attribute from the module itself."""
            return getattr(importlib.import_module(self._name), attribute)

    jax, jnp, Array = LazyModule("jax"), LazyModule("jax.numpy"), Any

__all__ = ["Array", "jax", "jnp"]
