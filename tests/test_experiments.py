"""Every experiment runs in its quick form, with an output that is clean: no warning, no stack trace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def quick(name, *arguments, folder):
    """The finished process of an experiment's quick form, run somewhere else than in the checkout."""
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=1"}  # as in conftest.py, on one device
    command = [sys.executable, str(EXPERIMENTS / f"{name}.py"), "--quick", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """(folder, finished process) of the quickstart's quick form."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, quick("quickstart", "--out", "out", folder=folder)


def test_the_quickstart_writes_its_picture_and_its_summary(quickstart):
    folder, done = quickstart
    assert done.stdout.splitlines()[-1] == "out/quickstart.png"
    assert "images/s" in done.stderr
    with Image.open(folder / "out" / "quickstart.png") as picture:
        assert picture.width > 800
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert set(summary) == {"gan", "vae"}
    for family in summary.values():
        for records in (family["before"], family["after"]):
            kernel = next(record for record in records if record["name"] == "KD[embedded-v1]")
            assert kernel["interval"][0] <= kernel["value"] <= kernel["interval"][1]
            assert (kernel["split"], kernel["n_real"], kernel["n_fake"]) == ("test", 1000, 1000)


def test_the_quickstart_goes_on_where_it_was(quickstart):
    """Started again it trains nothing anew, and comes to the same numbers."""
    folder, _ = quickstart
    before = (folder / "out" / "summary.json").read_bytes()
    states = {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/checkpoints/*")}
    assert len(states) == 4
    quick("quickstart", "--out", "out", folder=folder)
    assert (folder / "out" / "summary.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in folder.glob("out/*/*/checkpoints/*")} == states


def test_the_embedding_can_be_trained(tmp_path):
    done = quick("train_embedding", folder=tmp_path)
    assert "glyph" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_bench_compares_with_plain_flax_and_the_machine(tmp_path):
    rows = json.loads(quick("bench", "--json", "--out", "out", folder=tmp_path).stdout)
    assert [row["case"] for row in rows] == ["demo", "sample_1"]
    assert rows[0]["against_naive"][0] > 1
    assert 0 < rows[0]["of_limit"] < 1.5
    assert "| demo's GAN step" in (tmp_path / "out" / "bench.md").read_text()


def test_growth_is_fitted_and_drawn(tmp_path):
    quick("growth", "--out", "out", folder=tmp_path)
    rows = json.loads((tmp_path / "out" / "growth.json").read_text())
    assert [(row["family"], row["quantity"], row["value"]) for row in rows[:4]] == [
        *(("gan", "width", 8), ("gan", "width", 16), ("gan", "batch", 8), ("gan", "batch", 16))
    ]
    assert rows[1]["bytes"] > rows[0]["bytes"]
    assert (tmp_path / "out" / "growth.png").exists()


def test_the_cost_of_adaptation_is_measured(tmp_path):
    quick("bench_adaptation", "--out", "out", folder=tmp_path)
    rows = json.loads((tmp_path / "out" / "adaptation_cost.json").read_text())
    assert [row["kind"] for row in rows] == ["controller", "transfer", "transfer", "fisher", "fisher"]
    assert "| `lora` | `full` |" in (tmp_path / "out" / "adaptation_cost.md").read_text()


SCRIPTS = [path for path in sorted(EXPERIMENTS.glob("*.py")) if "__main__" in path.read_text()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_experiment_explains_itself(path, tmp_path):
    done = subprocess.run(
        [sys.executable, str(path), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "--quick" in done.stdout


def test_the_bench_of_the_metrics_prints_its_tables(tmp_path):
    done = quick("bench_metrics", "--out", "bench.json", folder=tmp_path)
    assert done.stdout.splitlines()[0].startswith("FD from statistics")
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["frechet"][0]["difference"] < 1e-9
    assert {"features", "all", "all, without intervals"} <= set(figures["core"])


def test_the_few_shot_benchmark_fills_its_table_and_goes_on_where_it_was(tmp_path):
    arguments = ("--families", "vae", "--out", "out")
    quick("few_shot_benchmark", *arguments, folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(row["transfer"], row["seed"]) for row in rows] == [(t, s) for s in (0, 1) for t in ("full", "lora")]
    assert {row["images_seen"] for row in rows} == {20}
    for row in rows:
        assert {"KD", "FD", "coverage", "intra_diversity", "copy_rate", "retention"} <= set(row["values"])
        assert {"family", "source", "target", "transfer", "shots", "seed", "trained", "bytes"} <= set(row)
    table = (tmp_path / "out" / "results.md").read_text()
    assert "| full | 2 |" in table
    assert "Better than `full`, intervals apart" in table
    with Image.open(tmp_path / "out" / "digits-glyphs-vae.png") as picture:
        assert picture.width > 400
    quick("few_shot_benchmark", *arguments, folder=tmp_path)
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == len(rows)


def test_the_controllers_benchmark_fills_its_table(tmp_path):
    quick("controllers_benchmark", "--out", "out", folder=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "out" / "controllers.jsonl").read_text().splitlines()]
    assert [row["controller"] for row in rows] == ["geco"]
    assert "| digits | geco |" in (tmp_path / "out" / "controllers.md").read_text()


def test_what_can_befall_a_run_is_done_to_it_and_it_keeps_its_promises(tmp_path):
    done = quick("faults", "--out", "out", folder=tmp_path)
    assert "yes" in done.stdout
    rows = json.loads((tmp_path / "out" / "faults.json").read_text())["rows"]
    assert list(rows) == ["killed", "stopped", "two at once", "read", "fuzzed"]
    assert [violation for row in rows.values() for violation in row["violations"]] == []
    assert rows["killed"]["vae"]["kills"] == 1
    assert rows["read"]["vae"]["reads"] >= 7
    assert "| kill -9 at random moments" in (tmp_path / "out" / "faults.md").read_text()


def test_a_soak_looks_at_runs_and_judges_them(tmp_path):
    quick("soak", "--out", "out", folder=tmp_path)
    content = json.loads((tmp_path / "out" / "soak.json").read_text())
    assert set(content["found"]) == {"gan", "vae"}
    for family, values in content["found"].items():
        assert values["violations"] == []
        assert values["images"] > 0
        assert values["megabytes"][0] > 50
        columns = list(zip(*content["looks"][family], strict=True))
        assert all(list(column) == sorted(column) for column in columns[:3])  # clocks and images go forward
    assert "| gan |" in (tmp_path / "out" / "soak.md").read_text()
    assert (tmp_path / "out" / "soak.png").exists()


def test_text_to_image_is_trained_judged_and_drawn_and_goes_on_where_it_was(tmp_path):
    arguments = ("--out", "out", "--runs", "runs")
    quick("text_to_image", *arguments, folder=tmp_path)
    figures = json.loads((tmp_path / "out" / "text_to_image.json").read_text())
    shares = figures["samples"]["autoregressive, held_out"]["shares"]
    assert set(shares) == {"glyph", "colour", "weight", "tilt", "all"}
    assert all(low <= share <= high for share, low, high in shares.values())
    assert figures["speed"]["milliseconds"]["parallel in 10"] > 0
    assert [row["cell"]["way"] for row in figures["adaptation"]["cells"]] == ["lora", "full, decoder"]
    assert "captions that say what is seen" in (tmp_path / "out" / "text_to_image.md").read_text()
    with Image.open(tmp_path / "out" / "text_to_image.png") as drawn:
        assert drawn.width > 400
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")}
    assert len(trained) == 7
    quick("text_to_image", *arguments, folder=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.json")} == trained
