"""Every notebook runs from its first cell to its last, with the counts of its parameter cell cut short."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from compiling import XLA_FLAGS
from nbclient import NotebookClient
from quicker_flows import CODE

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", XLA_FLAGS)  # as in conftest.py, on one device
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")  # notebooks share steps
    notebook = nbformat.read(path, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source, changed = re.subn(r"STEPS = \d+", "STEPS = 3", parameters.source)
    assert changed
    parameters.source = re.sub(r"IMAGES = \d+", "IMAGES = 64", parameters.source)
    parameters.source = re.sub(r'FOLDER = "[^"]+"', f'FOLDER = "{tmp_path}"', parameters.source) + CODE
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    said = "".join(output["text"] for output in outputs if output.get("name") == "stderr")  # a run says what it does
    assert "warning" not in said.lower(), said
    assert "Traceback" not in said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize(("replaced", "said"), [(None, ""), ("numpy", "numpy .* by 99. Restart the session")])
def test_installing_says_when_the_kernel_holds_what_was_replaced(path, replaced, said, monkeypatch, capsys):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    (source,) = [cell.source for cell in cells if "%pip install" in cell.source]
    code = source.replace("%pip install --quiet {SOURCE}", "pip()")
    assert "pip()" in code
    version = importlib.metadata.version

    def pip():
        monkeypatch.setattr(importlib.metadata, "version", lambda name: "99" if name == replaced else version(name))

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(compile(code, path.name, "exec"), {"pip": pip})
    assert re.match(f"pip replaced {said}" if said else "$", capsys.readouterr().out)
