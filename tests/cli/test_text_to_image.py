"""Text to image as a user types it: what is printed and written, and one line with exit code 2 for bad input."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from genjax.cli import main as cli

pytestmark = pytest.mark.slow  # they train and draw from a whole text-to-image model

TINY = [
    *("--size", 16, "--num-images", 48, "--batch", 8, "--tokenizer-steps", 4, "--prior-steps", 4),
    *("--masked-steps", 3, "--reranker-steps", 3, "--log-every", 2, "--save-every", 2),
    *("--evaluate-num", 24, "--evaluate-every", 2),
    *("--tokenizer.grid", 4, "--tokenizer.codes", 8, "--tokenizer.code-size", 4),
    *("--tokenizer.width", 4, "--tokenizer.depth", 0, "--prior.width", 16, "--prior.depth", 1, "--prior.heads", 2),
    *("--reranker.width", 4, "--reranker.text-width", 8, "--reranker.text-depth", 1, "--reranker.text-heads", 2),
    *("--reranker.embedding-size", 8),
]  # those of text_to_image_tiny, whose steps are compiled once for all


def genjax(*arguments):
    """The exit code of a command line, in this process."""
    return cli.main([str(argument) for argument in arguments])


def model_of(run, stage):
    """The description of a stage's latest network."""
    return run / stage / "model" / "latest" / "model.json"


def refused(capsys, *arguments):
    """The one line that a refused command line leaves."""
    capsys.readouterr()
    assert genjax(*arguments) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line]
    assert printed.out == ""
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model that was trained on the command line."""
    out = tmp_path_factory.mktemp("runs") / "t2i"
    assert genjax("train", "--model", "text2image", "--data", "glyphs", "--out", out, *TINY) == 0
    return out


def test_a_text_is_drawn_in_a_row_of_images(run, tmp_path, capsys):
    out = tmp_path / "red.png"
    drawing = ["sample", run, "--text", "a bold red seven", "--num", 3, "--candidates", 2, "--out", out]
    assert genjax(*drawing) == 0
    assert capsys.readouterr().out.strip() == str(out)
    with Image.open(out) as grid:
        assert grid.size == (3 * 16 + 2, 16)
        before = np.asarray(grid)
    assert genjax(*drawing, "--force") == 0
    with Image.open(out) as grid:
        np.testing.assert_array_equal(before, np.asarray(grid))


def test_several_texts_are_rows_and_the_folder_may_be_named(run, tmp_path):
    out = tmp_path / "grid.png"
    texts = ["--text", "a red seven", "two small blue zeros, tilted left"]
    options = ["--method", "parallel", "--decoding.steps", 4, "--num", 2, "--candidates", 1, "--out", out]
    assert genjax("sample", "--run", run, *texts, *options) == 0
    with Image.open(out) as grid:
        assert grid.size == (2 * 16 + 1, 2 * 16 + 1)


def test_a_finished_training_is_gone_on_with_by_its_folder_alone(run, capsys):
    model = json.loads(model_of(run, "prior").read_text())
    assert genjax("train", "--out", run, "--resume") == 0
    assert capsys.readouterr().out.strip() == str(run)
    assert json.loads(model_of(run, "prior").read_text()) == model


def test_several_seeds_are_a_folder_each_and_are_gone_on_with(tmp_path, capsys):
    """Each is what its seed alone would be, begun or resumed by the folder of them all."""
    out = tmp_path / "seeds"
    few = ["--masked-steps", 0, "--reranker-steps", 0, "--evaluate-every", 0, "--evaluate-num", 500]
    training = ["train", "--model", "text2image", *TINY, *few]
    assert genjax(*training, "--seed", 3, "--out", out) == 0
    (out / "seed-3").mkdir()
    for path in [path for path in out.iterdir() if path.name != "seed-3"]:
        path.rename(out / "seed-3" / path.name)
    alone = json.loads(model_of(out / "seed-3", "prior").read_text())
    capsys.readouterr()
    assert genjax("train", "--out", out, "--seeds", 2, "--resume") == 0
    assert capsys.readouterr().out.split() == [str(out / "seed-3"), str(out / "seed-4")]
    found = [json.loads(model_of(out / name, "prior").read_text()) for name in ("seed-3", "seed-4")]
    assert found[0] == alone
    assert found[1]["networks"]["prior"]["sha256"] != alone["networks"]["prior"]["sha256"]
    assert json.loads((out / "seed-4" / "config.json").read_text())["config"]["seed"] == 4
    assert "exists already" in refused(capsys, *training, "--seed", 4, "--seeds", 2, "--out", out)
    assert "not evaluated along training" in refused(capsys, "stability", out)
    assert {path.name for path in out.iterdir()} == {"seed-3", "seed-4"}
    assert "--seeds is 0, expected 1 or more" in refused(capsys, *training, "--seeds", 0, "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "a bald red sevn"], "'bald' (near: bold"),
        (["--text", "a bald red sevn"], "'sevn' (near: seven"),
        (["--text", ""], "the text is empty"),
        (["--text", "a red red red red red red red red seven"], "words, and the text length is"),
        (["--text", "a red seven", "--decoding.top-k", 9], "the 9 likeliest of 8 tokens were asked for"),
        (["--text", "a red seven", "--decoding.steps", 17, "--method", "parallel"], "17 steps to decode 16 tokens"),
        (["--text", "a red seven", "--num", 0], "--num 0 images were asked for"),
        (["--text", "a red seven", "--candidates", 0], "--candidates 0 were asked for"),
        ([], "Say it with --text"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(run, tmp_path, capsys, options, message):
    assert message in refused(capsys, "sample", run, *options, "--out", tmp_path / "grid.png")
    assert list(tmp_path.iterdir()) == []


def write_images(folder, captions):
    """The spec of a folder of as many images, with these captions."""
    folder.mkdir()
    for number, caption in enumerate(captions):
        Image.fromarray(np.full((16, 16, 3), 9 * number, np.uint8)).save(folder / f"{number}.png")
        with (folder / "captions.jsonl").open("a") as lines:
            lines.write(json.dumps({"file": f"{number}.png", "caption": caption}) + "\n")
    return f"folder:{folder}"


def test_a_folder_with_a_caption_missing_is_refused(tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(np.full((16, 16, 3), 9, np.uint8)).save(images / f"{name}.png")
    (images / "captions.jsonl").write_text('{"file": "a.png", "caption": "a"}\n{"file": "b.png", "caption": "b"}\n')
    training = ["train", "--model", "text2image", "--data", f"folder:{images}", "--out", tmp_path / "model", *TINY]
    assert "has no caption for 1 of 3 images, the first 'c.png'" in refused(capsys, *training)
    (images / "captions.jsonl").unlink()
    assert "has no captions" in refused(capsys, *training, "--num-images", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_a_caption_longer_than_the_text_length_is_refused(tmp_path, capsys):
    training = ["train", "--model", "text2image", "--text-length", 3, "--out", tmp_path / "model", *TINY]
    assert "words, and the text length is 3. Shorten it" in refused(capsys, *training)
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_another_kind_is_not_drawn_from_texts(run, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"genjax_run": 1, "kind": "train", "config": {}}))
    line = refused(capsys, "sample", other, "--text", "a red seven", "--out", tmp_path / "grid.png")
    assert "holds no model" in line
    assert "exists already" in refused(capsys, "train", "--model", "text2image", "--out", run, *TINY)
    assert "unknown model 'text2img'" in refused(capsys, "train", "--model", "text2img", "--out", tmp_path / "new")


def test_a_model_is_adapted_to_a_folder_with_captions(run, tmp_path, capsys):
    out = tmp_path / "adapted"
    data = write_images(tmp_path / "images", ["a red seven", "a blue seven", "two green sevens"])
    adapting = ["adapt", "--source", run, "--data", data, "--prior-steps", 2, "--out", out]
    assert genjax(*adapting, "--transfer", "freeze,l2_sp") == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert genjax("adapt", "--out", out, "--resume") == 0
    assert genjax("sample", out, "--text", "a red seven", "--num", 1, "--out", tmp_path / "seven.png") == 0
    assert "these differ: transfer 'l2_sp,freeze' -> 'lora'" in refused(
        capsys, "adapt", "--out", out, "--resume", "--transfer", "lora"
    )
    assert f"{out} was made by `genjax adapt`. Resume it with the same command" in refused(
        capsys, "train", "--out", out, "--resume"
    )
    assert "exists already" in refused(capsys, *adapting)
    assert "miner" in refused(capsys, *adapting[:-1], tmp_path / "o", "--transfer", "miner")


def test_a_model_is_judged_by_what_it_draws_of_held_out_captions(run, capsys):
    assert genjax("evaluate", "--run", run, "--metrics", "kd,coverage", "--num", 60, "--json") == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == ["KD[embedded-v1]", "coverage[embedded-v1]"]
    assert {(record["split"], record["n_fake"]) for record in records} == {("test", 60)}
    assert genjax("evaluate", "--run", run, "--which", "best", "--metrics", "kd", "--num", 20) == 0
    assert "need a VAE, and this is a text-to-image model" in refused(
        capsys, "evaluate", "--run", run, "--metrics", "nats"
    )
    assert "and there are no captions" in refused(capsys, "evaluate", "--fake", "digits", "--real", f"run:{run}")


def test_its_report_shows_texts_and_what_the_tokens_keep(run, tmp_path, capsys):
    out = tmp_path / "report.html"
    assert genjax("report", run, "--num", 24, "--out", out) == 0
    page = out.read_text()
    for words in ("Each line is one text", "Captions of held-out images", "token_nats", "loss/prior/target_nats"):
        assert words in page
    assert "--model text2image" in page


def test_its_steadiness_is_that_of_the_last_stage_that_was_evaluated(run, capsys):
    assert genjax("stability", run, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"] == "evaluate/KD[embedded-v1]"
    assert list(found["runs"]) == [str(run)]


def test_help_of_a_run_shows_the_options_of_its_family(run, capsys):
    shown = []
    for arguments in (["sample", run], ["adapt", "--source", run], ["sample"], ["adapt"]):
        with pytest.raises(SystemExit):
            genjax(*arguments, "--help")
        shown.append(capsys.readouterr().out)
    assert "--decoding.top-k" in shown[0]
    assert "--prior-steps" in shown[1]
    assert not [name for name in ("--decoding.", "--candidates") if name in shown[2]]
    assert "--prior-steps" not in shown[3]


def test_doctor_looks_at_every_stage(run, tmp_path, capsys):
    assert genjax("doctor", run, "--json") == 0
    parts = {finding["part"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"config.json", "tokenizer/model/latest", "reranker/checkpoints/3", "prior/metrics.jsonl"} <= parts
    damaged = tmp_path / "model"
    shutil.copytree(run, damaged)
    files = sorted((damaged / "prior" / "model").rglob("*.safetensors"))  # the latest, and the best
    for weights in files:
        weights.write_bytes(weights.read_bytes()[:-9])
    assert genjax("doctor", damaged) == 1
    printed = capsys.readouterr()
    for weights in files:
        assert f"DAMAGED  {weights.name} is not what was written" in printed.out
    assert "prior/model/latest" in printed.out
    assert "no model" in printed.err


def test_verbs_of_other_models_name_the_verb(run, tmp_path, capsys):
    assert "model 'text2image' -> 'gan'" in refused(capsys, "train", "--model", "gan", "--out", run, "--resume")
    assert "expected 0 to 4294967295" in refused(capsys, "train", "--seed", 2**70, "--out", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["train", "--model", "text2image", "--text-size", 99], "--text-size is of byte pairs"),
        (
            ["train", "--model", "text2image", "--tokenizer.dvae.kl-weight", 2],
            "--tokenizer.dvae.kl-weight does",
        ),
        (["sample", "--candidates", 2], "unknown option --candidates"),
        (["sample", "--decoding.top-k", 2], "unknown option --decoding.top-k"),
        (
            ["sample", "{run}", "--text", "a red seven", "--decoding.steps", 2],
            "steps does nothing with --method autoregressive",
        ),
    ],
)
def test_options_that_nothing_would_read_are_refused(run, tmp_path, capsys, options, message):
    asked = [str(option).format(run=run) for option in options]
    assert message in refused(capsys, *asked, "--out", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
