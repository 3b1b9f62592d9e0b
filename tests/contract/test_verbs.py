"""Every verb of the command line takes the toy family, which it finds by its one entry."""

import json
import shutil
from pathlib import Path

from toy_runs import TOY_LINE, genjax


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(tmp_path, capsys):
    line = ["train", "--model", "toy", *TOY_LINE, "--out", tmp_path / "run", "--dry-run", "--json"]
    assert genjax(*line) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["stages"]["toy"]["trained"] == {"toy": 256 + 4 * 256}
    assert not (tmp_path / "run").exists()


def test_the_verbs_take_a_run_of_the_family(source, tmp_path, capsys):
    run = Path(shutil.copytree(source, tmp_path / "run"))
    assert genjax("sample", run, "--num", 4, "--out", tmp_path / "grid.png") == 0
    assert (tmp_path / "grid.png").exists()
    assert genjax("doctor", run) == 0
    capsys.readouterr()
    assert genjax("evaluate", "--run", run, "--num", 30, "--metrics", "kd", "--json") == 0
    assert [record["name"] for record in json.loads(capsys.readouterr().out)] == ["KD[embedded-v1]"]
    assert genjax("report", run, "--num", 20) == 0
    page = (run / "report.html").read_text()
    assert "A toy of 16x16 pixels" in page
    assert "--toy.rate 0.2" in page


def test_an_adaptation_is_typed_and_sampled(source, tmp_path):
    adapting = ["--source", source, "--data", "glyphs", "--shots", 10, "--num-images", 100, "--evaluate-every", 0]
    run = tmp_path / "run"
    assert genjax("adapt", *adapting, "--transfer", "freeze", "--steps", 2, "--out", run) == 0
    assert genjax("sample", run, "--num", 4, "--out", tmp_path / "grid.png") == 0
    assert genjax("doctor", run) == 0


def test_stability_is_told_of_several_seeds(tmp_path, capsys):
    out = tmp_path / "runs"
    every = ["--evaluate-every", 2, "--evaluate-num", 20]
    assert genjax("train", "--model", "toy", *TOY_LINE, *every, "--seeds", 2, "--out", out) == 0
    capsys.readouterr()
    assert genjax("stability", out, "--json") == 0
    assert [Path(name).name for name in json.loads(capsys.readouterr().out)["runs"]] == ["seed-0", "seed-1"]
