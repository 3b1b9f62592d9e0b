"""The documents name files, tests, modules and links that exist, and show Python that runs or could be called."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genjax
from genjax import api
from genjax.config import AdaptConfig, ControlConfig, GanConfig, TrainConfig
from genjax.devices import backend

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "experiments" / "README.md", *PAGES]
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text()
FAULTS = (ROOT / "experiments" / "faults" / "promises.py").read_text()
ROWS = set(re.findall(r'^    "([\w ]+)": Row\(', FAULTS, re.MULTILINE))
ROOMS = "genjax|experiments|tests|docs|notebooks|requirements"
PLACES = rf"(?<![\w/.-])(?:{ROOMS})/[\w./-]*\.(?:py|md|ipynb|png|txt)"


def name_of(path):
    return str(path.relative_to(ROOT))


def named(text):
    """(file, test or nothing) of all tests that a text names."""
    return sorted(set(re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", text)))


def functions(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def python_of(path):
    """The blocks of Python that a document shows."""
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


def anchors(path):
    """The anchors of a page's headings, as the site makes them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


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


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_file_that_is_named_exists(path):
    for name in re.findall(PLACES, path.read_text()):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for link in [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]:
        place, _, anchor = link.partition("#")
        target = (path.parent / place) if place else path
        assert "://" in link or target.exists(), link
        assert not anchor or anchor in anchors(target), link
        assert path not in PAGES or target.resolve().is_relative_to(ROOT / "docs"), f"{link}: the site has docs/ alone"


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "reference").glob("*.md")), ids=name_of)
def test_every_module_of_the_reference_exists(path):
    for module in re.findall(r"^::: ([\w.]+)$", path.read_text(), re.MULTILINE):
        assert importlib.util.find_spec(module), module


def test_the_readme_is_short_and_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    prose = "\n".join(
        line for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines() if not line.startswith("|")
    )
    assert len(text.splitlines()) < 120
    assert len(prose.split()) < 600
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in DOCUMENTS
        if "genjax." in "".join(python_of(path)) and not path.name.startswith("own-")  # tests/test_how_to.py
    ],
    ids=name_of,
)
def test_the_calls_of_the_verbs_that_are_shown_could_be_made(path):
    """Binds each call to its function's arguments and to the fields of its config: training itself would be long."""
    fields = {"train": TrainConfig, "adapt": AdaptConfig}
    for node in ast.walk(ast.parse("".join(python_of(path)))):
        verb = re.fullmatch(r"genjax\.(\w+)", ast.unparse(node.func)) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or verb is None:
            continue
        assert verb[1] in genjax.__all__
        function = inspect.signature(getattr(api, verb[1]))
        given = {keyword.arg: None for keyword in node.keywords if keyword.arg}
        function.bind(*node.args, **given)
        if verb[1] in fields:
            assert set(given) <= {*function.parameters, *inspect.signature(fields[verb[1]]).parameters}, verb[1]


@pytest.mark.slow
def test_a_step_by_hand_makes_images(monkeypatch):
    monkeypatch.setattr(backend, "prepare", lambda: None)  # this process has its settings
    (code,) = python_of(ROOT / "docs" / "tutorials" / "step-by-hand.md")
    for long, short in {
        "range(1000)": "range(2)",
        "Generator()": "Generator(width=4)",
        "Critic()": "Critic(width=4)",
    }.items():
        assert long in code
        code = code.replace(long, short)
    names: dict[str, object] = {}
    exec(compile(code, "step-by-hand.md", "exec"), names)
    images = np.asarray(names["images"])
    assert images.shape == (16, 16, 16, 1)
    assert np.abs(images).max() <= 1


@pytest.mark.slow
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
