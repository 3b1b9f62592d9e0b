"""Rooms that are verbs as well: `genjax.evaluate(...)` and `genjax.report(...)` call the package of that name."""

import sys
from types import ModuleType
from typing import Any


class CallableRoom(ModuleType):
    """A package that passes a call on to the function of its name in `genjax.api`."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Prepares the backend and calls the function."""
        from genjax.devices import backend

        backend.prepare_or_warn()
        from genjax import api

        return getattr(api, self.__name__.rpartition(".")[2])(*arguments, **options)


def make_callable(name: str) -> None:
    """Makes the package of this name callable."""
    sys.modules[name].__class__ = CallableRoom
