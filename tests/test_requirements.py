"""The ranges of dependencies: their lower ends are what `make test-oldest` installs, and nothing names an address."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_TESTED = {"genjax-images", "ruff", "pyright"}  # itself, and tools whose version is exact


def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(name):
    """{package: version} of a file of exact versions."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {key(line.split("==")[0]): line.split("==")[1] for line in lines if not line.startswith("#")}


def direct():
    """{package: lowest version} of all that the suite installs."""
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(one for name in ("tfds", "emoji", "text", "efflite", "demo", "test") for one in extras[name]),
    ]
    found = [re.match(r"([\w.-]+)(?:\[[\w,]+\])?(?:[>=]=([\w.]+))?", one) for one in wanted]
    return {key(one[1]): one[2] for one in found if one and key(one[1]) not in NOT_TESTED}


def padded(version):
    """A version as three numbers."""
    return ([int(part) for part in version.split(".")] + [0, 0])[:3]


def test_the_oldest_versions_are_the_lower_ends_of_the_ranges():
    oldest = versions("oldest.txt")
    assert {name: padded(version) for name, version in oldest.items()} == {
        name: padded(version) for name, version in direct().items()
    }


def test_the_lock_has_every_dependency_within_its_range():
    lock = versions("lock.txt")
    for name, lowest in direct().items():
        assert padded(lock[name]) >= padded(lowest), name


@pytest.mark.parametrize("name", ["oldest.txt", "lock.txt"])
def test_versions_and_no_addresses(name):
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.+!]+", line), line
