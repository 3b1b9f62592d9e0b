"""Files that were made to do harm: nothing in them is run, no path in them leads out, and no text becomes markup."""

import ast
import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading import Page, check_alone
from tiny import train_config

import genjax
from genjax.cli import main as cli
from genjax.data import load
from genjax.errors import InputError
from genjax.store.checkpoint import SEAL, _hashes, on_disk
from genjax.store.model import load_model
from genjax.training.loop import train

ROOT = Path(genjax.__file__).parent
RUNNERS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "runpy", "code", "subprocess"}
FOREIGN = {"devices/allocator.py": "CDLL(None)"}  # the only files that know ctypes, and all that they call of it
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"system", "popen", "import_module", "exec_module", "execv", "execve", "spawnl", "startfile"}
MARKUP = "<img src=x onerror=alert(1)>"


class Payload:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def ran(tmp_path):
    """What a payload would make; it must not be there in the end."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_has_nothing_that_runs_what_it_reads(path):
    """No module that unpickles or starts programs is imported, no library is loaded, no text is taken for code."""
    foreign = FOREIGN.get(str(path.relative_to(ROOT)))
    runners = RUNNERS if foreign else RUNNERS | {"ctypes"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not runners & {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in RUNNERS | {"ctypes"}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ctypes":
            assert node.attr == "CDLL"
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in CALLS)
            if ast.unparse(called).startswith("ctypes"):
                assert ast.unparse(node) == f"ctypes.{foreign}"
            own = node.args and ast.unparse(node.args[0]).lstrip("f").startswith("'genjax.")
            assert not (isinstance(called, ast.Attribute) and called.attr in METHODS - {"import_module" if own else ""})
            allowed = [keyword.value for keyword in node.keywords if keyword.arg == "allow_pickle"]
            assert all(isinstance(value, ast.Constant) and value.value is False for value in allowed)


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """A run on images whose folder, classes and captions are markup."""
    folder = tmp_path_factory.mktemp("hostile")
    images = folder / MARKUP
    lines = []
    for number, image in enumerate(load("digits", num=12).images[np.arange(12)]):
        name = f"{MARKUP}{number % 2}/{number}.png"
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(images / name)
        lines.append(json.dumps({"file": name, "caption": f'"><script>alert({number})</script>'}))
    (images / "captions.jsonl").write_text("\n".join(lines))
    data = {"data": f"folder:{images}", "num_images": 0}
    train(train_config("vae", folder / "run", **data, steps=2, sample_every=2, save_every=2))
    return folder / "run"


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.mark.slow
def test_markup_in_names_and_captions_is_text_in_a_report(run, tmp_path):
    assert cli.main(["report", str(run), "--num", "2", "--out", str(tmp_path / "a.html")]) == 0
    page = Page((tmp_path / "a.html").read_text(encoding="utf-8"))
    check_alone(page)
    assert MARKUP in page.text
    assert not [image for image in page.all("img") if "onerror" in image]


def test_a_model_that_is_a_pickle_is_refused(run, ran):
    """Its sha256 is made to fit, as an attacker would."""
    (file,) = (run / "model" / "latest").glob("*.safetensors")
    file.write_bytes(pickle.dumps(Payload(ran)))
    description = run / "model" / "latest" / "model.json"
    values = json.loads(description.read_text())
    values["networks"]["vae"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    description.write_text(json.dumps(values))
    with pytest.raises(InputError):
        load_model(run)


def test_a_checkpoint_of_pickles_is_refused(run, ran, capsys):
    """Every file of the only checkpoint, sealed again."""
    (checkpoint,) = on_disk(run / "checkpoints")
    for path in checkpoint.rglob("*"):
        if path.is_file():
            path.write_bytes(pickle.dumps(Payload(ran)))
    (checkpoint / SEAL).write_text(json.dumps(_hashes(checkpoint)))
    assert cli.main(["train", "--resume", "--steps", "4", "--out", str(run)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: the checkpoints in ")


@pytest.mark.parametrize("name", ["images", "labels"])
def test_an_npz_of_objects_is_refused(name, ran):
    arrays = {"images": np.zeros((2, 16, 16, 1), np.uint8), name: np.array([Payload(ran)] * 2, dtype=object)}
    path = ran.parent / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError):
        load(f"npz:{path}")


def test_a_config_does_not_choose_where_is_written(run, tmp_path):
    """A run that comes from someone else goes on in its own folder, whatever its config.json says."""
    values = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(values | {"out": str(tmp_path / "elsewhere")}))
    assert cli.main(["train", "--resume", "--steps", "3", "--out", str(run)]) == 0
    assert [path.name for path in on_disk(run / "checkpoints")][-1] == "3"
    assert not (tmp_path / "elsewhere").exists()


def test_captions_do_not_reach_beyond_their_folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for folder, name in ((images, "a.png"), (tmp_path, "secret.png")):
        Image.new("L", (16, 16)).save(folder / name)
    line = json.dumps({"file": "../secret.png", "caption": "x"})
    (images / "captions.jsonl").write_text(f'{line}\n{{"file": "a.png", "caption": "a"}}')
    with pytest.warns(UserWarning, match=r"1 line that fits no file, the first '\.\./secret\.png'"):
        found = load(f"folder:{images}", split="all")
    assert len(found) == 1
    assert found.captions == ("a",)
