"""Every experiment says what it does, starts from any folder, and imports no other script."""

import ast
import re
import runpy
import subprocess
import sys

import pytest
from experiment import EXPERIMENTS

from genjax.devices import backend

FILES = sorted(EXPERIMENTS.rglob("*.py"))
SCRIPTS = [path for path in FILES if '__name__ == "__main__"' in path.read_text()]
MODULES = [path for path in FILES if path not in SCRIPTS]


def name(path):
    return str(path.relative_to(EXPERIMENTS))


def imported(path):
    """Full dotted names of the modules that a file imports, and of what it imports from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path):
    """`bench/bench.py` as `experiments.bench.bench`."""
    return ".".join(path.relative_to(EXPERIMENTS.parent).with_suffix("").parts)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_an_experiment_explains_itself(path, tmp_path, monkeypatch, capsys):
    """In this process, for importing jax takes seconds; what only a new one may set is not set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))  # a script prepends the checkout
    monkeypatch.setattr(backend, "prepare", lambda: None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert not ended.value.code
    assert "--quick" in capsys.readouterr().out


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_an_experiment_names_its_command_and_its_quick_form(path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    command = f"python experiments/{name(path)}"
    assert f"{command} --quick" in text
    assert text.count("python experiments/") == text.count(command), "it names the command of another script"


@pytest.mark.parametrize("script", ["bench/decoding_speed", "bench/scale_on_paper"])
def test_an_experiment_without_a_test_of_its_own_starts(script, tmp_path):
    """In a process of its own, as a user starts it."""
    command = [sys.executable, str(EXPERIMENTS / f"{script}.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout


def test_the_scripts_are_found():
    assert {"quickstart.py", "bench/bench.py", "faults/soak.py"} <= {name(path) for path in SCRIPTS}
    assert "common/timing.py" in {name(path) for path in MODULES}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_imports_a_script(path):
    scripts = {dotted(script) for script in SCRIPTS}
    assert scripts.isdisjoint(imported(path))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_what_is_shared_is_imported_by_its_full_name(path):
    """By its bare name a sibling is found only where Python puts the script's folder on the path."""
    bare = {other.stem for other in FILES} | {folder.name for folder in EXPERIMENTS.iterdir()}
    assert bare.isdisjoint(one.split(".")[0] for one in imported(path) if not one.startswith("experiments"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_reads_no_arguments(path):
    assert {"tyro", "argparse"}.isdisjoint(one.split(".")[0] for one in imported(path))


def test_a_folder_holds_fifteen_files_at_most():
    for folder in {path.parent for path in FILES}:
        assert len(list(folder.glob("*.py"))) <= 15, folder


def test_every_experiment_that_is_named_somewhere_exists():
    """In documents, docstrings, comments, notebooks and the Makefile."""
    root = EXPERIMENTS.parent
    folders = [root / name for name in ("docs", "experiments", "genjax", "notebooks", "requirements")]
    paths = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".md", ".py", ".ipynb", ".txt"}
    ]
    paths += [path for path in root.iterdir() if path.suffix == ".md" or path.name in {"Makefile", "pyproject.toml"}]
    named = [
        (path, found) for path in paths for found in re.findall(r"(?<![\w/])experiments/[\w/]+\.py", path.read_text())
    ]
    assert len(named) > 50
    assert [(str(path), found) for path, found in named if not (root / found).is_file()] == []
