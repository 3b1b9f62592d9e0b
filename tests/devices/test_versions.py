"""Libraries that are newer than what was tried: used, with one warning."""

import importlib.metadata
import warnings

import pytest

from genjax.cli.main import main
from genjax.devices import versions
from genjax.version import __version__


@pytest.fixture
def pretended(monkeypatch):
    """Makes a library pretend to be of a version."""
    real = importlib.metadata.version

    def pretend(library, version):
        monkeypatch.setattr(importlib.metadata, "version", lambda name: version if name == library else real(name))
        versions.warn_of_untried.cache_clear()

    yield pretend
    versions.warn_of_untried.cache_clear()


@pytest.mark.parametrize(
    ("version", "newer"),
    [
        ("0.10.2", False),
        ("0.12.0.1", False),
        ("0.12.7", False),
        ("0.13.0", True),
        ("0.13.0.dev20270101+cuda", True),
        ("0.100.0", True),
        ("1.0", True),
        ("local", False),
    ],
)
def test_what_counts_as_newer(version, newer):
    assert bool(versions.untried({"jax": version})) is newer


def test_only_what_is_newer_is_named_with_what_brings_a_tried_one():
    line = versions.untried({"jax": "0.12.0", "flax": "0.13.1"})
    assert line.startswith("genjax was never tried with flax 0.13.1. ")
    assert line.endswith(f'pip install "flax<={versions.TRIED["flax"]}".')
    assert "jax 0.12" not in line


def test_a_newer_library_is_used_with_one_warning(pretended):
    pretended("jax", "99.0.0")
    with pytest.warns(UserWarning, match=r"never tried with jax 99\.0\.0\. "):
        versions.warn_of_untried()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        versions.warn_of_untried()


def test_a_library_that_was_tried_gives_no_warning(pretended):
    pretended("jax", versions.TRIED["jax"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        versions.warn_of_untried()


def test_the_version_is_said_with_those_of_the_libraries(capsys):
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"genjax {__version__} (jax {importlib.metadata.version('jax')}, flax ")
    assert len(said.splitlines()) == 1
