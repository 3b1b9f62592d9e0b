"""Scripts of experiments as modules."""

import importlib
import sys

import pytest


@pytest.fixture
def script(monkeypatch):
    """Imports a script of experiments/ by its name in the package, as a module."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # a script prepends the checkout
    monkeypatch.setattr("genjax.devices.backend.prepare", lambda: None)  # this process has its settings
    return lambda name: importlib.import_module(f"experiments.{name}")
