"""The families of fonts: each in one part, and named as its package is."""

import importlib.metadata
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_is_in_one_part(few):
    every = [family for part in few.values() for family in part]
    assert len(every) == len(set(every)) == 171
    assert (len(few["validation"]), len(few["test"])) == (10, 20)


def test_the_extra_installs_all_of_them_in_exact_versions(few):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = dict(one.split("==") for one in project["fonts"] if "==" in one)
    assert set(pinned) == {f"fontpkg-{family}" for part in few.values() for family in part}
    assert {one for one in project["test"] if "fontpkg-" in one} <= {f"{name}=={pinned[name]}" for name in pinned}
    assert importlib.metadata.version("fontpkg-caveat") == pinned["fontpkg-caveat"]
