"""genjax: adaptive image generation in JAX.

*Data* train *models* of a *family* under *losses*, steered by *control*, carried by *transfer*, judged by *evaluate*,
shown by *report*: each noun is a sub-package, and the verbs are functions of this one:

    run = genjax.train(data="digits", model="gan", steps=1800)
    adapted = genjax.adapt(run, data="glyphs", shots=10, transfer="freeze")
    images = genjax.load(adapted).sample(64, seed=0)

Importing this package does no work; JAX is imported, and prepared, with the first use of a verb.
"""

import importlib
from typing import TYPE_CHECKING, Any

from genjax.version import __version__

if TYPE_CHECKING:
    from genjax.api import adapt, import_checkpoint, load, sample, train

__all__ = ["__version__", "adapt", "evaluate", "import_checkpoint", "load", "report", "sample", "train"]  # pyright: ignore[reportUnsupportedDunderAll]

VERBS = ("adapt", "import_checkpoint", "load", "sample", "train")
ROOMS = ("evaluate", "report")  # packages that can be called, see `genjax.callable_room`


def __getattr__(name: str) -> Any:
    """Imports a verb when it is first used, after the backend was prepared for it."""
    if name in ROOMS:
        return importlib.import_module(f"genjax.{name}")
    if name not in VERBS:
        raise AttributeError(f"module 'genjax' has no attribute {name!r}")
    importlib.import_module("genjax.devices.backend").prepare_or_warn()
    return getattr(importlib.import_module("genjax.api"), name)
