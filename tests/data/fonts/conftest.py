"""A few families in place of all, those that the suite installs."""

import pytest

from genjax.data.fonts import families, source


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Makes `fonts` a set of a few families."""
    parts = {"train": ("roboto", "great-vibes"), "validation": ("bitter",), "test": ("caveat", "press-start-2p")}
    monkeypatch.setattr(source, "FAMILIES", parts)
    return families.FAMILIES
