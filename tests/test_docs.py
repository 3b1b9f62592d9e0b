"""What the documents name as proof is there, and what README shows in Python runs."""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genjax.config import ControlConfig, GanConfig
from genjax.devices import backend

ROOT = Path(__file__).parents[1]
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text()
FAULTS = (ROOT / "experiments" / "faults" / "promises.py").read_text()
ROWS = set(re.findall(r'^    "([\w ]+)": Row\(', FAULTS, re.MULTILINE))


def named(text):
    """(file, test or nothing) of all tests that a text names."""
    return sorted(set(re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", text)))


def functions(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("text", [RELIABILITY, FAULTS], ids=["docs", "faults"])
def test_every_test_that_is_named_exists(text):
    found = named(text)
    assert len(found) > 20
    for file, test in found:
        assert (ROOT / file).is_file(), file
        assert not test or test in functions(ROOT / file), f"{file}::{test}"


def test_every_row_that_is_named_exists():
    quoted = re.findall(r'faults\.py --rows (?:"([\w ]+)"|(\w+))', RELIABILITY)
    assert {one or other for one, other in quoted} == {"killed", "stopped", "two at once", "read", "fuzzed"} <= ROWS


def test_every_file_of_tests_that_a_row_names_is_in_the_promises():
    rows, promised = ({file for file, _ in named(text)} for text in (FAULTS, RELIABILITY))
    assert rows <= promised


def test_the_readmes_python_makes_images(monkeypatch, tmp_path):
    for name in ("prepare", "prepare_or_warn"):
        monkeypatch.setattr(backend, name, lambda: None)  # this process has its settings
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    tiny = "steps=2, evaluate_every=0, control=ControlConfig(ada_target=0.0)"
    for long, short in {
        '"gan", size=16, steps=3000': f"GanConfig(width=8, latent_size=8), size=16, num_images=40, batch=8, {tiny}",
        "shots=10,": f"shots=10, {tiny},",
    }.items():
        assert long in code
        code = code.replace(long, short)
    names: dict[str, Any] = {"GanConfig": GanConfig, "ControlConfig": ControlConfig}
    exec(compile(code, "README.md", "exec"), names)
    for images in (names["images"], names["before"]):
        assert (images.shape, images.dtype) == ((64, 16, 16, 1), np.uint8)
    assert Path(names["page"]).exists()
