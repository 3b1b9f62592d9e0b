"""The rooms: imports go one way only, and each heavy library is known in one place."""

import ast
from pathlib import Path

import pytest

import genjax
from genjax.families.registry import FAMILIES

ROOT = Path(genjax.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# What each room may import of the others, beside itself and what is for all.
BELOW = ("data", "models", "losses", "augment", "control", "transfer")
MAY_IMPORT = {
    **{room: set() for room in (*BELOW, "zoo")},
    "families": {*BELOW},
    "devices": {*BELOW, "families"},
    "config": {*BELOW, "families"},
    "store": {*BELOW, "families", "devices", "config", "zoo"},
    "evaluate": {*BELOW, "families", "devices", "config", "zoo", "store"},
    "report": {*BELOW, "families", "devices", "config", "zoo", "store", "evaluate"},
    "training": {*BELOW, "families", "devices", "config", "zoo", "store", "evaluate", "report"},
    "cli": {*BELOW, "families", "devices", "config", "zoo", "store", "evaluate", "report", "training"},
}
FAMILY_NAMES = {"is_text_to_image", "TEXT_TO_IMAGE", *FAMILIES}
NAMES_OF_FORMAT_1 = "store/migrations.py"  # which had the options of every family in every file
FOR_ALL = {"errors", "limits", "json_config", "tree", "terminal", "version", "callable_room"}
FOR_ALL_FILES = {"genjax.devices.backend", "genjax.devices.allocator"}  # they know nothing of the others


def imports(path):
    """Full dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize(
    "path", [path for path in FILES if room(path) in MAY_IMPORT], ids=lambda p: str(p.relative_to(ROOT))
)
def test_imports_go_one_way(path):
    allowed = MAY_IMPORT[room(path)] | {room(path)} | FOR_ALL
    named = {name for name in imports(path) if name.startswith("genjax.")}
    others = {name.split(".")[1] for name in named if not name.startswith(tuple(FOR_ALL_FILES))}
    assert others <= allowed, f"{path} imports {others - allowed}"


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("flax.linen", "models"),
        ("matplotlib.figure", "report/draw"),
        ("matplotlib.pyplot", "report/draw"),
        ("orbax", "store/checkpoint.py"),
        (
            "safetensors",
            (
                "store",
                "evaluate/features",
                "models/features/embedding.py",
            ),
        ),
        ("tensorboardX", "store/tensorboard.py"),
        ("tokenizers", "families/text/byte_pair.py"),
        ("tqdm", "terminal.py"),
        ("tyro", ("cli", "config/run.py")),
        ("pickle", "nowhere"),
        ("torch", "nowhere"),
        ("tensorflow", "nowhere"),
    ],
)
def test_a_library_is_known_in_one_place(library, home):
    for path in FILES:
        where = str(path.relative_to(ROOT))
        used = any(
            f"{name}.".startswith(f"{library}.") or (name.startswith("flax.linen") and library == "flax.linen")
            for name in imports(path)
        )
        assert not used or where.startswith(home), f"{where} imports {library}"


def named(path):
    """Names and string constants of a file's code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    "path", [path for path in FILES if room(path) != "families"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_family_is_named_outside_of_the_families(path):
    """A new family is a folder of its own and a line in FAMILIES: no other file tells them apart."""
    if str(path.relative_to(ROOT)) != NAMES_OF_FORMAT_1:
        assert not FAMILY_NAMES & set(named(path))
    assert "family ==" not in path.read_text()
