"""An imported run: a model like any other, whose training images are not there, which every verb says."""

from pathlib import Path

import numpy as np
import pytest
from quicker_flows import quicker_flows

from genjax.cli.main import main
from genjax.config import ImportConfig
from genjax.errors import InputError
from genjax.families.flow.ddpm.unet_2d import unet_2d
from genjax.store.description import ancestry
from genjax.store.lock import NAME as LOCK
from genjax.store.model import load_model
from genjax.store.public.diffusers import read_diffusers
from genjax.store.public.imported import import_checkpoint, read_public
from genjax.store.run_config import run_config
from genjax.store.run_folder import RunFolder
from genjax.tree import flatten

CHECKPOINT = Path(__file__).parents[2] / "families" / "flow" / "ddpm" / "unet_2d" / "added"
SPEC = f"diffusers:{CHECKPOINT}"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "ddpm").mkdir()
    (tmp_path / "ddpm" / LOCK).touch()  # as one that was killed leaves it: it is in nobody's way
    import_checkpoint(ImportConfig(SPEC, tmp_path / "ddpm"))
    return tmp_path / "ddpm"


def test_the_run_holds_the_checkpoint(run):
    model = load_model(run)
    expected = unet_2d(read_diffusers(CHECKPOINT, ["UNet2DModel"]))
    assert model.config == expected.config
    for name, leaf in flatten(expected.networks).items():
        np.testing.assert_array_equal(flatten(model.params())[name], leaf)
    assert run_config(RunFolder(run)) == ImportConfig(SPEC, run)
    assert ancestry(run, model)[0]["data"] == SPEC


def test_a_run_that_is_there_is_kept_unless_forced(run):
    before = load_model(run).identity
    with pytest.raises(InputError, match=r"exists already\. Use --force to delete it, or another --out\."):
        import_checkpoint(ImportConfig(SPEC, run))
    import_checkpoint(ImportConfig(SPEC, run), force=True)
    assert load_model(run).identity == before


def test_nothing_is_written_of_a_checkpoint_that_cannot_be_used(tmp_path):
    for spec in (f"diffusers:{tmp_path / 'none'}", "timm:folder", "folder", "diffusers:"):
        with pytest.raises(InputError):
            import_checkpoint(ImportConfig(spec, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match=r"unknown library 'timm'\. Known: diffusers\."):
        read_public("timm:folder")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--run", "RUN"], "was imported, and the images that it was trained on are not here. Name a set"),
        (["train", "--out", "RUN", "--resume"], "there is no training of it to go on with. Adapt it: genjax adapt"),
        (["adapt", "--out", "RUN", "--resume"], "there is no training of it to go on with. Adapt it: genjax adapt"),
        (["import", SPEC, "--out", "RUN"], "exists already. Use --force to delete it, or another --out."),
        (["import"], "no checkpoint was named. Name one: genjax import diffusers:FOLDER."),
    ],
)
def test_verbs_refuse_in_a_line(run, arguments, said, capsys):
    assert main([str(run) if word == "RUN" else word for word in arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_verb_imports_and_the_doctor_finds_it_whole(tmp_path, capsys):
    out = str(tmp_path / "ddpm")
    assert main(["import", SPEC, "--out", out]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == out
    assert "16x16x3 pixels, 11,767 parameters" in shown.err
    assert "no scheduler_config.json" in shown.err
    assert main(["doctor", out]) == 0
    assert SPEC in capsys.readouterr().out


@pytest.mark.slow
def test_every_verb_takes_it_as_a_source(run, tmp_path, capsys):
    adapted = tmp_path / "adapted"
    fast = ["--data", "glyphs", "--num-images", "20", "--shots", "4", "--transfer", "lora", "--steps", "2"]
    drawn = ["--num", "2", "--steps", "2"]
    guided = [*drawn, "--guide", "source", "--guidance", "1.5"]
    assert main(["sample", "--run", str(run), "--out", str(tmp_path / "grid.png"), *drawn]) == 0
    assert main(["adapt", "--source", str(run), "--out", str(adapted), "--evaluate-every", "0", *fast]) == 0
    assert main(["sample", "--run", str(adapted), "--out", str(tmp_path / "two.png"), *guided]) == 0
    with quicker_flows():
        assert main(["evaluate", "--run", str(run), "--data", "glyphs", "--num", "20", "--metrics", "kd"]) == 0
        assert main(["evaluate", "--run", str(run), "--data", "glyphs", "--num", "4", "--metrics", "auth_pct"]) == 2
        assert "was imported" in capsys.readouterr().err
        assert main(["report", str(run), "--num", "4"]) == 0
        assert main(["report", str(adapted), "--num", "4"]) == 0
    page = (run / "report.html").read_text()
    assert f"imported from {SPEC}" in page
    assert "The images that it was trained on are not here" in page
