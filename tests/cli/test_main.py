"""The four verbs, as a user types them: what they print, and one clear line with exit code 2 for bad input."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax.cli import main as cli
from genjax.cli.training import TrainCommand, way_on
from genjax.config import TrainConfig, config_to_json
from genjax.config.machine import MachineOptions
from genjax.data.load import DATASETS
from genjax.evaluate import EXTRACTORS, METRICS
from genjax.evaluate.metrics.of_models.explained import SUMMARIES
from genjax.evaluate.model_metrics import EXPLANATIONS
from genjax.families.registry import FAMILIES
from genjax.store.run_folder import RunFolder, begin
from genjax.transfer.registry import TRANSFERS

TINY = ["--gan.width", "8", "--gan.latent-size", "8", "--num-images", "40", "--batch", "8", "--evaluate-every", "0"]
TINY += ["--control.ada-target", "0"]  # the steps of tiny.py, which are compiled once for all


def genjax(*arguments):
    """The exit code of a command line, in this process."""
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A pretraining and an adaptation of it, made on the command line."""
    folder = tmp_path_factory.mktemp("runs")
    assert genjax("train", "--data", "digits", "--model", "gan", "--steps", 3, "--out", folder / "digits", *TINY) == 0
    adapting = ["--source", folder / "digits", "--data", "glyphs", "--shots", 10, "--transfer", "freeze", "--steps", 2]
    assert (
        genjax("adapt", *adapting, "--evaluate-every", 0, "--control.ada-target", 0, "--out", folder / "glyphs10") == 0
    )
    return folder


@pytest.mark.slow
def test_evaluate_prints_a_list_of_records_and_nothing_else(runs, capsys):
    assert genjax("evaluate", "--run", runs / "glyphs10", "--data", "glyphs", "--num", 100, "--json") == 0
    records = json.loads(capsys.readouterr().out)
    kernel = next(record for record in records if record["name"] == "KD[embedded-v1]")
    assert kernel["interval"][0] <= kernel["value"] <= kernel["interval"][1]
    assert (kernel["n_real"], kernel["n_fake"]) == (1000, 100)
    assert len(kernel["extractor_sha256"]) == 64


@pytest.mark.slow
def test_evaluate_prints_a_table(runs, capsys):
    assert genjax("evaluate", "--run", runs / "glyphs10", "--data", "glyphs", "--metrics", "kd", "--num", 50) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("metric")
    assert lines[2].startswith("KD[embedded-v1]")


def test_sample_draws_a_grid_and_does_not_write_over_it(runs, tmp_path, capsys):
    out = tmp_path / "grid.png"
    sampling = ["sample", "--run", runs / "digits", "--num", 9, "--seed", 0, "--out", out]
    assert genjax(*sampling) == 0
    with Image.open(out) as grid:
        assert grid.size == (3 * 16 + 2, 3 * 16 + 2)
    before = out.read_bytes()
    assert genjax(*sampling) == 2
    assert "exists already. Use --force" in capsys.readouterr().err
    assert genjax(*sampling, "--force") == 0
    assert out.read_bytes() == before


def test_sample_makes_the_folder_of_its_grid(runs, tmp_path, capsys):
    out = tmp_path / "new" / "grid.png"
    assert genjax("sample", runs / "digits", "--num", 1, "--out", out) == 0
    assert out.exists()
    (tmp_path / "file").touch()
    assert genjax("sample", runs / "digits", "--num", 1, "--out", tmp_path / "file" / "grid.png") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_sample_fills_a_folder(runs, tmp_path):
    assert genjax("sample", "--run", runs / "digits", "--num", 3, "--out", tmp_path / "images") == 0
    assert [path.name for path in sorted((tmp_path / "images").iterdir())] == ["00000.png", "00001.png", "00002.png"]


def test_sample_with_force_leaves_no_image_of_before(runs, tmp_path):
    out = tmp_path / "images"
    sampling = ["sample", "--run", runs / "digits", "--out", out]
    assert genjax(*sampling, "--num", 4) == 0
    (out / "20260101.png").touch()
    assert genjax(*sampling, "--num", 2, "--force") == 0
    assert [path.name for path in sorted(out.iterdir())] == ["00000.png", "00001.png", "20260101.png"]


def test_report_writes_a_page_into_the_run(runs, capsys):
    assert genjax("report", runs / "digits", "--num", 20) == 0
    assert capsys.readouterr().out.strip() == str(runs / "digits" / "report.html")
    assert (runs / "digits" / "report.html").read_text().startswith("<!")


def test_a_resumed_run_needs_no_other_option(runs, tmp_path, capsys):
    out = tmp_path / "run"
    assert genjax("train", "--data", "digits", "--steps", 2, "--seed", 5, "--out", out, *TINY) == 0
    assert genjax("train", "--resume", "--steps", 4, "--out", out) == 0
    assert json.loads((out / "config.json").read_text())["config"]["seed"] == 5
    assert json.loads((out / "model" / "latest" / "model.json").read_text())["step"] == 4
    assert genjax("train", "--resume", "--seed", 6, "--out", out) == 2
    assert "these differ: seed 5 -> 6" in capsys.readouterr().err


@pytest.fixture
def bad_folders(tmp_path):
    """Folders of images that cannot be used."""
    (tmp_path / "empty").mkdir()
    for name in ("broken", "text"):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("RGB", (20, 30)).save(tmp_path / name / f"{index}.png")
    whole = (tmp_path / "broken" / "0.png").read_bytes()
    (tmp_path / "broken" / "0.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text" / "notes.txt").write_text("not an image")
    np.savez(tmp_path / "none.npz", first=np.zeros(3), second=np.zeros(3))
    for name, count in (("one", 1), ("two", 2)):
        np.savez(tmp_path / f"{name}.npz", images=np.zeros((count, 16, 16, 1), np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "digitz"], "unknown dataset 'digitz'. Did you mean 'digits'?"),
        (["train", "--data", "folder:{bad}/empty"], "empty"),
        (["train", "--data", "folder:{bad}/broken"], "0.png"),
        (["train", "--data", "folder:{bad}/text"], "notes.txt"),
        (["train", "--data", "folder:{bad}/nowhere"], "nowhere"),
        (["train", "--data", "tfds:mnist"], "mnist"),
        (["train", "--data", "idx:{bad}/empty"], "empty"),
        (["train", "--size", "17"], "--size 17"),
        (["train", "--batch", "5000"], "--batch 5000 is larger than the set"),
        (["train", "--model", "gam"], "unknown model 'gam'"),
        (["train", "--gan.width", "0"], "--gan.width is 0"),
        (["train", "--out", "{runs}/digits"], "exists already"),
        (["train", "--resume", "--out", "{bad}/nothing"], "does not exist"),
        (["train", "--resume", "--force", "--out", "{runs}/digits"], "Use one of them"),
        (
            ["train", "--resume", "--steps", "2", "--out", "{runs}/digits"],
            "at step 3 already. Use --steps 3",
        ),
        (["train", "--seed", "4294967296"], "--seed is 4294967296, expected 0 to 4294967295"),
        (["trian"], "unknown verb 'trian'. Did you mean 'train'?"),
        (["doctor", "--run", "x"], "unknown option --run. See genjax doctor --help."),
        (["evaluate", "x"], "unknown argument x. See genjax evaluate --help."),
        (["train", "--stpes", "20"], "unknown option --stpes. Did you mean --steps? See genjax train --help."),
        (["train", "--vae.width", "8"], "unknown option --vae.width"),
        (["train", "--model", "vae", "--gan.width", "8"], "unknown option --gan.width"),
        (["train", "--prior.width", "8"], "unknown option --prior.width"),
        (["sample", "--run", "{runs}/digits", "--candidates", "2"], "unknown option --candidates"),
        (["train", "--steps", "abc"], "Error parsing --steps: 'abc' is no whole number. Write it so: 1000 or 1e3."),
        (["train", "--gan.learning-rate", "2,5e-3"], "Error parsing --gan.learning-rate: '2,5e-3' is no number"),
        (["train", "--evaluate-every", "0", "--evaluate-num", "9"], "--evaluate-num 9 does nothing with"),
        (["train", "--steps"], "Missing value for argument '--steps'"),
        (
            ["evaluate", "--split", "later"],
            "invalid choice 'later' for argument '--split'",
        ),
        (["adapt", "--source", "{runs}/digits", "--out", "{runs}/digits", "--force"], "lie one in the other"),
        (["adapt", "--source", "{runs}/digits", "--transfer", "auto,lora"], "auto stands alone"),
        (["adapt", "--source", "{bad}/nothing"], "holds no model"),
        (["adapt", "--source", "{runs}/digits", "--shots", "0"], "--shots 0: there is nothing to adapt to"),
        (["adapt", "--source", "{runs}/digits", "--shots", "5000"], "--shots 5000 is more than"),
        (["adapt", "--source", "{runs}/digits", "--transfer", "loar"], "unknown transfer 'loar'. Did you mean 'lora'?"),
        (["adapt", "--source", "{runs}/digits", "--transfer", "lora", "--lora.rank", "900"], "rank 900"),
        (
            ["adapt", "--source", "{runs}/digits", "--transfer", "freeze", "--freeze.critic", "dwon_*"],
            "'dwon_*' matches",
        ),
        (["evaluate", "--run", "{bad}/nothing"], "does not exist"),
        (["evaluate", "--run", "{bad}/nothing", "--data", "glyphs"], "holds no model"),
        (["evaluate", "--fake", "npz:{bad}/no.npz", "--data", "glyphs"], "does not exist"),
        (["evaluate", "--run", "{runs}/digits", "--metrics", "fid"], "fid"),
        (["evaluate", "--run", "{runs}/digits", "--metrics", "retention"], "needs a source"),
        (["evaluate", "--run", "{runs}/digits", "--metrics", "nats"], "nats need a VAE, and this is a GAN"),
        (["evaluate", "--fake", "digits", "--data", "glyphs", "--metrics", "copy_rate"], "was trained on"),
        (["evaluate", "--fake", "digits", "--data", "glyphs", "--metrics", "psnr"], "psnr need a model"),
        (["evaluate", "--fake", "npz:{bad}/two.npz", "--data", "glyphs", "--size", "32"], "16x16, expected 32x32"),
        (["evaluate", "--fake", "npz:{bad}/two.npz", "--data", "glyphs", "--metrics", "coverage"], "needs 6 or more"),
        (["evaluate", "--fake", "npz:{bad}/none.npz", "--data", "glyphs"], "no array 'images'"),
        (["evaluate", "--fake", "npz:{bad}/one.npz", "--data", "glyphs"], "needs 2 or more"),
        (["evaluate", "--run", "{runs}/digits", "--extractor", "inception:{bad}/two.npz"], "sha256"),
        (["adapt", "--source", "{runs}/digits", "--transfer", "lora,scale_shift"], "what a kernel becomes"),
        (["adapt", "--source", "{runs}/digits", "--transfer", ""], "--transfer is empty"),
        (["adapt", "--source", "{runs}/digits", "--control.kl-target", "4"], "--control.kl-target is for a VAE"),
        (["adapt", "--source", "{runs}/digits", "--shots", "10", "--ewc.weight", "-1"], "--ewc.weight is -1"),
        (["train", "--seeds", "0"], "--seeds is 0, expected 1 or more"),
        (["train", "--seeds", "0", "--dry-run"], "--seeds is 0, expected 1 or more"),
        (["stability", "{runs}/digits"], "was not evaluated along training"),
        (["report"], "no run was named"),
        (["report", "{bad}/nothing"], "nothing"),
        (["sample", "--run", "{runs}/digits", "--num", "0", "--out", "{bad}/a.png"], "--num 0"),
        (["sample", "--run", "{runs}/digits", "--scale", "0"], "--scale is 0, expected 1 or more"),
        (["sample", "--run", "{bad}/nothing", "--scale=-2"], "--scale is -2, expected 1 or more"),
        (["sample", "--run", "{runs}/digits", "--out", "{bad}/a.jpg"], "Use .png for a grid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(arguments, message, runs, bad_folders, capsys, monkeypatch):
    monkeypatch.chdir(bad_folders)
    monkeypatch.setenv("TFDS_DATA_DIR", str(bad_folders / "tfds"))
    before = sorted(path for path in bad_folders.rglob("*"))
    assert genjax(*(argument.format(runs=runs, bad=bad_folders) for argument in arguments)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.strip().splitlines()
    assert len(lines) == 1, output.err
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert sorted(path for path in bad_folders.rglob("*")) == before


@pytest.fixture
def two_seeds(tmp_path):
    """The folder that --seeds makes, of two runs that were begun."""
    for seed in (0, 1):
        run = tmp_path / "many" / f"seed-{seed}"
        begin(RunFolder(run), {"kind": "train", "config": config_to_json(TrainConfig(seed=seed))}, force=False)
        (run / "model" / "latest").mkdir(parents=True)
        (run / "model" / "latest" / "model.json").write_text("{}")
    return tmp_path / "many"


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "{many}"],
        ["adapt", "--source", "{many}", "--out", "{many}-adapted"],
        ["report", "{many}"],
        ["evaluate", "--run", "{many}"],
        ["evaluate", "--run", "{many}", "--data", "digits"],
        ["evaluate", "--fake", "run:{many}", "--real", "digits"],
        ["doctor", "{many}"],
        ["train", "--out", "{many}", "--resume"],
    ],
    ids=" ".join,
)
def test_the_folder_of_several_seeds_names_those_in_it(arguments, two_seeds, capsys):
    assert genjax(*(argument.format(many=two_seeds) for argument in arguments)) == 2
    said = capsys.readouterr().err
    assert "It holds other runs (seed-0, seed-1). Name one of them: " in said
    assert f"{two_seeds}/seed-0." in said


def test_broken_images_stop_a_run_before_it_begins_or_are_skipped_and_named_once(tmp_path, capsys):
    folder, out = tmp_path / "images", tmp_path / "run"
    folder.mkdir()
    for index in range(40):
        Image.new("L", (16, 16), 6 * index).save(folder / f"{index}.png")
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:-30])
    (folder / "text.png").write_text("no image")
    training = [
        "train",
        "--model",
        "vae",
        "--vae.width",
        8,
        "--vae.latent-size",
        4,
        "--data",
        f"folder:{folder}",
        "--steps",
        2,
        "--out",
        out,
    ]
    training += ["--batch", 8, "--evaluate-every", 2, "--control.ada-target", 0]
    assert genjax(*training) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "2 files that are no images: 7.png (cut off or damaged), text.png (unknown format)" in line
    assert line.endswith("Repair or remove them, or leave them out with --skip-broken.")
    assert not out.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert genjax(*training, "--skip-broken") == 0
        assert genjax("evaluate", "--run", out, "--metrics", "kd", "--num", 8) == 0
    said = capsys.readouterr().err
    line = f"warning: folder:{folder}: 39 images; left out 2 (cut off or damaged 1, unknown format 1)"
    assert said.splitlines().count(f"{line}: see {out}/left_out.txt") == 1
    assert (out / "left_out.txt").read_text() == "cut off or damaged\t7.png\nunknown format\ttext.png\n"
    assert said.splitlines().count(f"{line}; the first 7.png") == 1  # by evaluate
    assert "data     folder:" in said


def help_of(capsys, *arguments):
    """The help of a command line."""
    with pytest.raises(SystemExit) as stopped:
        genjax(*arguments, "--help")
    assert stopped.value.code == 0
    return capsys.readouterr().out


def plain_options(text):
    """The options of a help that are in no group with a name of its own; groups are in boxes, of Unicode or not."""
    first = re.split(r"^\W*\w[\w.-]* options\W*$", text, flags=re.MULTILINE)[0]
    return re.findall(r"^\W*(--[a-z][a-z0-9.-]*)", first, re.MULTILINE)


@pytest.mark.parametrize("family", FAMILIES)
def test_help_of_train_shows_its_own_family_and_40_options_outside_of_groups(family, capsys):
    text = help_of(capsys, "train", "--model", family)
    assert 20 < len(plain_options(text)) <= 40
    assert "control options" in text
    assert "machine options" in text
    shown = {name: f"--{name}." in text for name in ("gan", "vae", "tokenizer")}
    assert shown == {"gan": family == "gan", "vae": family == "vae", "tokenizer": family == "text2image"}


def test_help_lists_by_itself_what_may_be_typed(capsys):
    adapting = help_of(capsys, "adapt")
    assert all(f"{name}:" in adapting for name in ("auto", *TRANSFERS))
    assert all(name in help_of(capsys, "train") for name in DATASETS)
    judging = help_of(capsys, "evaluate")
    assert all(name in judging for name in (*METRICS, *EXPLANATIONS, *EXTRACTORS))
    assert set(SUMMARIES) == set(EXPLANATIONS)
    assert all(f"{name}:" in help_of(capsys, "report") for name in EXTRACTORS)


@pytest.mark.parametrize("verb", ["train", "adapt", "evaluate", "sample", "average", "report", "stability"])
def test_help_gives_every_option_a_default_and_a_sentence(verb, capsys):
    text = help_of(capsys, verb)
    options = re.findall(r"^\W (--[a-z][a-z0-9.-]*)", text, re.MULTILINE)  # not in a sentence, which is set in
    assert len(options) >= 2
    flowing = re.sub(r"\s+", " ", text.replace("│", " "))
    assert not re.findall(r".{60}\(default: [.]\)", flowing)  # a path that stands for none
    sentences = re.findall(r"[A-Za-z`)\]][.]\s+\W*\(default:", flowing)
    assert len(sentences) >= 0.9 * len(options), text
    assert text.count("default:") >= len(options)


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys, genjax.cli.main; sys.exit(any(name in sys.modules for name in ('jax', 'flax', 'sklearn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; from genjax.cli.main import main; sys.exit(main(['train', '--help']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() in (0, 141)
    process.stderr.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ""),
        ({"distributed": True}, " --distributed"),
        ({"coordinator": "a:1", "processes": 2, "process_id": 1}, " --coordinator a:1 --processes 2 --process-id 1"),
    ],
)
def test_the_way_on_after_a_stop_names_how_processes_find_each_other(options, said):
    command = TrainCommand(TrainConfig(out=Path("run")), seeds=2, machine=MachineOptions(**options))
    assert way_on("train", command) == f"go on with: genjax train --out run --seeds 2{said} --resume"
