"""The wheel alone, without the repository: built as a release is, it has every file and runs the verbs."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from genjax.version import __version__

ROOT = Path(__file__).parents[2]
TINY = ["--steps", "2", "--batch", "8", "--evaluate-every", "0", "--control.ada-target", "0"]
# Of the tests' own process: what would lead a new one to the repository, or to steps that others have compiled.
DROPPED = ("PYTHONPATH", "JAX_COMPILATION_CACHE_DIR")


def call(*command, cwd):
    """Runs a command that must succeed; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    shutil.copytree(ROOT / "genjax", source / "genjax", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", source, cwd=folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The programs of an environment that has the wheel, and the libraries of this one, but not the repository."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    call(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    # A path in a .pth file is searched, but the .pth files in it, as that of an editable install, are not read.
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own / "libraries.pth").write_text("".join(f"{library}\n" for library in sorted(libraries)))
    return folder / "bin"


def test_wheel_and_sdist_have_every_file_of_the_package(built):
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "genjax").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"genjax/py.typed", "genjax/evaluate/features/weights/embedded-v1.safetensors"} <= files
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert files <= names
    assert {name.split("/")[0] for name in names} == {"genjax", f"genjax_images-{__version__}.dist-info"}
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert files | {"pyproject.toml", "LICENSE", "README.md"} <= inside


def test_the_wheel_alone_trains_adapts_samples_and_evaluates(installed, tmp_path):
    where = call(installed / "python", "-c", "import genjax; print(genjax.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    genjax = installed / "genjax"
    assert call(genjax, "--version", cwd=tmp_path).startswith(f"genjax {__version__} (jax ")

    model = ["--model", "gan", "--gan.width", "8", "--gan.latent-size", "8", "--num-images", "40"]
    call(genjax, "train", "--data", "digits", *model, *TINY, "--out", "digits", cwd=tmp_path)
    shots = ["--data", "glyphs", "--shots", "10", "--transfer", "freeze"]
    call(genjax, "adapt", "--source", "digits", *shots, *TINY, "--out", "glyphs10", cwd=tmp_path)

    call(genjax, "sample", "--run", "glyphs10", "--num", "4", "--out", "grid.png", cwd=tmp_path)
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.width >= 32
    said = call(genjax, "evaluate", "--run", "glyphs10", "--data", "glyphs", "--num", "40", "--json", cwd=tmp_path)
    assert {"KD[embedded-v1]", "coverage[embedded-v1]"} <= {record["name"] for record in json.loads(said)}
