"""`genjax average` of a flow model, on the command line from its training to images of a class."""

import json

import pytest
from toy_runs import genjax


@pytest.mark.slow
def test_an_average_of_a_flow_is_rebuilt_evaluated_and_drawn_from(tmp_path, capsys):
    run, wide = tmp_path / "run", tmp_path / "wide"
    network = ["--flow.dit.width", 16, "--flow.dit.depth", 1, "--flow.dit.heads", 2, "--flow.preview-steps", 2]
    data = ["--data", "digits", "--size", 16, "--num-images", 60, "--batch", 8, "--condition", "class"]
    length = ["--steps", 40, "--save-every", 40, "--sample-every", 40, "--evaluate-every", 0]
    assert genjax("train", "--model", "flow", *data, *network, *length, "--out", run) == 0
    assert len(list((run / "averages").iterdir())) == 10
    assert genjax("average", run, "--sigma-rel", 0.2, "--out", wide) == 0
    assert "average of width 0.2 at step 40, of those kept at 10 steps" in capsys.readouterr().err
    assert json.loads((wide / "config.json").read_text())["averaged"]["sigma_rel"] == 0.2
    assert genjax("sample", wide, "--class", "3", "--num", 4, "--steps", 2, "--out", tmp_path / "grid.png") == 0
    assert genjax("evaluate", "--run", wide, "--metrics", "kd", "--num", 20) == 0
    assert genjax("train", "--model", "flow", *data, *network, "--flow.ema-widths", 0.4, "--out", tmp_path / "x") == 2
    assert "--flow.ema-widths 0.4: expected 0.01 to 0.28" in capsys.readouterr().err
