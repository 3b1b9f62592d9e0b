"""The rooms: imports go one way only, and each heavy library is known in one place."""

import ast
from pathlib import Path

import pytest

import genjax

ROOT = Path(genjax.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# What each room may import of the others. `errors`, `config`, `tree`, `backend` and `allocator` are for all.
MAY_IMPORT = {
    "data": set(),
    "models": set(),
    "losses": set(),
    "augment": set(),
    "control": set(),
    "transfer": set(),
    "decoding": set(),
    "report": set(),
    "text": set(),
    "evaluate": {"data", "models"},
    "train": {"data", "models", "losses", "augment", "control", "transfer", "decoding", "evaluate", "report", "text"},
}
FOR_ALL = {"errors", "config", "tree", "backend", "allocator", "__version__"}


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
    allowed = MAY_IMPORT[room(path)] | {room(path)} | FOR_ALL | ({"terminal"} if room(path) == "train" else set())
    others = {name.split(".")[1] for name in imports(path) if name.startswith("genjax.")}
    assert others <= allowed, f"{path} imports {others - allowed}"


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("flax.linen", "models"),
        ("matplotlib.figure", "report"),
        ("matplotlib.pyplot", "report"),
        ("orbax", "train/checkpoint.py"),
        (
            "safetensors",
            (
                "train/artifact.py",
                "train/information.py",
                "train/stage_files.py",
                "evaluate",
                "models/embedding.py",
            ),
        ),
        ("tensorboardX", "train/board.py"),
        ("tokenizers", "text/byte_pair.py"),
        ("tqdm", "terminal.py"),
        ("tyro", ("command_line.py", "options.py")),
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
