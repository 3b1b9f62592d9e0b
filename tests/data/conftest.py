"""Here images are what is tested: they are loaded anew each time."""

import pytest
from remembered import as_loaded

from genjax.data.load import DATASETS


@pytest.fixture(autouse=True)
def loaded_anew(monkeypatch):
    """No set is remembered."""
    for name, source in as_loaded().items():
        monkeypatch.setitem(DATASETS, name, source)
