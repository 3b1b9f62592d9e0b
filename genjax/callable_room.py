"""Rooms that are verbs as well: `genjax.evaluate(...)` and `genjax.report(...)` call the package of that name."""

import importlib
import sys
from types import ModuleType
from typing import Any

from genjax.devices.backend import prepare_or_warn


class CallableRoom(ModuleType):
    """A package that passes a call on to the function of its name in `genjax.api`."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Prepares the backend and calls the function."""
        prepare_or_warn()
        # By its name, as an entry point is: `genjax.api` imports the rooms that are called by it.
        verbs = importlib.import_module("genjax.api")
        return getattr(verbs, self.__name__.rpartition(".")[2])(*arguments, **options)


def make_callable(name: str) -> None:
    """Makes the package of this name callable."""
    sys.modules[name].__class__ = CallableRoom
