"""A flow through the verbs: by class, by text, drawn with guidance, adapted, judged and reported."""

import json

import numpy as np
import pytest
from PIL import Image
from toy_runs import genjax

from genjax.api import load
from genjax.config import ModelConfig
from genjax.errors import InputError
from genjax.families.family import Training
from genjax.families.flow.family import build_flow
from genjax.families.flow.options import DitConfig, FlowConfig, FlowDrawing

LINE = ["--model", "flow", "--flow.dit.width", 16, "--flow.dit.depth", 1, "--flow.dit.heads", 2]
SHORT = ["--batch", 8, "--num-images", 60, "--evaluate-every", 0, "--flow.preview-steps", 2]


def grid(path):
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dit": DitConfig(patch_size=3)}, "--flow.dit.patch-size 3 does not divide --size 16. Use 2, 4 or 8."),
    ],
)
def test_what_does_not_fit_the_images_is_refused_before_the_first_compile(values, message):
    model = ModelConfig("flow", 16, 1, "float32", 8, FlowConfig(**values))
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        build_flow(model, Training({}, control=None))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "--steps is 0, expected 1 or more"),
        ({"guidance": -1.0}, "--guidance is -1.0, expected 0 or more"),
        ({"guidance_interval": (0.8, 0.2)}, "--guidance-interval 0.8 0.2: expected two times, the smaller first"),
    ],
)
def test_a_drawing_that_means_nothing_is_refused(values, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        FlowDrawing(**values)


def test_a_condition_is_refused_where_there_is_none(tmp_path, capsys):
    assert genjax("train", "--model", "gan", "--condition", "text", "--out", tmp_path / "run") == 2
    assert "--condition text: a GAN has no such condition. Use --model flow or text2image." in capsys.readouterr().err
    np.savez(tmp_path / "plain.npz", images=np.arange(20, dtype=np.uint8).repeat(256).reshape(20, 16, 16, 1))
    plain = ["--data", f"npz:{tmp_path / 'plain.npz'}", "--steps", 1, "--out", tmp_path / "run"]
    assert genjax("train", *LINE, *plain, "--condition", "class") == 2
    assert "has no classes" in capsys.readouterr().err
    assert genjax("train", *LINE, *plain, "--condition", "text") == 2
    assert "captions" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_model_of_classes_goes_through_the_verbs(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "grid.png"
    assert genjax("train", *LINE, *SHORT, "--data", "digits", "--condition", "class", "--steps", 4, "--out", run) == 0
    assert genjax("sample", run, "--class", 3, "--num", 4, "--steps", 2, "--out", out) == 0
    assert (
        genjax("sample", run, "--num", 4, "--guidance", 2, "--solver", "euler", "--out", tmp_path / "guided.png") == 0
    )
    assert grid(out).shape == grid(tmp_path / "guided.png").shape
    capsys.readouterr()
    for wrong, said in (
        (["--class", "x"], "unknown class 'x'. Known: 0, 1, 2"),
        (["--text", "a"], "is no model of texts"),
        (["--guide", "source", "--guidance", 2], "does not say what it was adapted from"),
        (["--guide", run], "--guide names what to be guided away from, and --guidance 1 is none. Use --guidance 1.5."),
    ):
        assert genjax("sample", run, *wrong, "--out", tmp_path / "no.png") == 2
        assert said in capsys.readouterr().err
    assert genjax("evaluate", "--run", run, "--num", 20, "--metrics", "kd,psnr", "--json") == 0
    records = {record["name"].split("[")[0]: record for record in json.loads(capsys.readouterr().out)}
    assert "KD" in records
    assert records["psnr"]["method"] == "by the inverse ODE"
    by_class = ["--num", 60, "--metrics", "class_accuracy,class_coverage", "--json"]
    assert genjax("evaluate", "--run", run, *by_class) == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    assert {f"class_accuracy[embedded-v1] of {name}" for name in range(10)} < set(records)
    assert records["class_accuracy[embedded-v1]"]["n_fake"] == 60
    assert genjax("evaluate", "--run", run, *by_class, "--split", "train") == 2
    assert "class_accuracy needs images that did not teach its classifier" in capsys.readouterr().err
    assert genjax("evaluate", "--run", run, *by_class, "--real", f"run:{run}") == 2
    assert "class_accuracy, class_coverage need real images, and the real side is a run" in capsys.readouterr().err
    assert genjax("report", run, "--num", 20) == 0
    page = (run / "report.html").read_text()
    assert "A flow model of 16x16 pixels" in page
    adapted = tmp_path / "adapted"
    few = ["--source", run, "--data", "digits", "--shots", 10, "--steps", 2]
    assert genjax("adapt", *few, "--transfer", "lora", "--lora.rank", 1, "--evaluate-every", 0, "--out", adapted) == 0
    forgetting = ["--transfer", "replay,freeze", "--replay.forgetting", 1, "--replay.count", 8]
    assert genjax("adapt", *few, *forgetting, "--dry-run", "--out", tmp_path / "forgetting") == 0
    assert genjax("adapt", *few, *forgetting, "--evaluate-every", 0, "--out", tmp_path / "forgetting") == 0
    assert genjax("sample", tmp_path / "forgetting", "--num", 4, "--out", tmp_path / "forgot.png") == 0
    guided = ["--guide", "source", "--guidance", 1.5, "--num", 4, "--out", tmp_path / "away.png"]
    assert genjax("sample", adapted, *guided) == 0
    assert genjax("doctor", adapted) == 0
    capsys.readouterr()
    assert genjax("adapt", *few, "--data", "glyphs:letters", "--out", tmp_path / "letters") == 2
    assert "has classes that the model does not know" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_of_texts_draws_what_it_is_told(tmp_path, capsys):
    run = tmp_path / "run"
    from_words = ["--data", "glyphs", "--size", 16, "--condition", "text", "--steps", 2, "--out", run]
    assert genjax("train", *LINE, *SHORT, *from_words) == 0
    capsys.readouterr()
    assert genjax("sample", run, "--num", 2, "--out", tmp_path / "no.png") == 2
    assert "draws what a text says" in capsys.readouterr().err
    assert (
        genjax("sample", run, "--text", "a white three", "--num", 2, "--guidance", 2, "--out", tmp_path / "no.png") == 0
    )
    (condition,) = {load(run).config.condition.kind}
    assert condition == "text"
    assert genjax("evaluate", "--run", run, "--num", 10, "--metrics", "kd", "--json") == 0
