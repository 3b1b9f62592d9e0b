"""The doctor names what is damaged and what is left to go on with, and changes nothing."""

import json
import shutil

import pytest

from genjax.cli.main import main
from genjax.errors import InputError
from genjax.store.doctor import diagnose
from genjax.store.lock import locked


@pytest.fixture
def run(kept_runs):
    """A run with checkpoints at steps 2 and 4."""
    return kept_runs / "vae"


@pytest.fixture
def patient(run, tmp_path):
    """A copy that may be hurt."""
    return shutil.copytree(run, tmp_path / "run")


def test_a_healthy_run(run, capsys):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    found = diagnose(run)
    assert (found.healthy, found.resume_from, found.sampled_from, found.in_use) == (True, 4, ("latest",), "")
    parts = [finding.part for finding in found.findings]
    assert parts == ["config.json", "metrics.jsonl", "checkpoints/2", "checkpoints/4", "model/latest"]
    assert main(["doctor", str(run)]) == 0
    assert "can be resumed from step 4; can be sampled (latest)" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_damage_is_named(patient, capsys):
    largest = max((patient / "checkpoints" / "4").rglob("*"), key=lambda path: path.stat().st_size)
    flip(largest)
    metrics = patient / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 5, "los')
    next((patient / "model" / "latest").glob("*.safetensors")).unlink()
    (patient / ".config.json.part").write_text("{")
    assert main(["doctor", str(patient), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    damaged = {finding["part"]: finding["note"] for finding in found["findings"] if not finding["whole"]}
    assert set(damaged) == {"checkpoints/4", "metrics.jsonl", "model/latest"}
    assert largest.name in damaged["checkpoints/4"]
    assert "1 cannot be read" in damaged["metrics.jsonl"]
    assert "is missing" in damaged["model/latest"]
    assert (found["resume_from"], found["sampled_from"]) == (2, [])
    assert [f["part"] for f in found["findings"] if "left over" in f["note"]] == [".config.json.part"]


def test_a_config_that_cannot_be_read(patient):
    (patient / "config.json").write_text("{")
    found = diagnose(patient)
    assert not found.findings[0].whole
    assert found.resume_from is None, "without its settings a run cannot go on"
    assert found.sampled_from == ("latest",)


def test_who_trains_there(patient):
    with locked(patient):
        assert diagnose(patient).in_use.startswith("process ")


def test_what_is_no_run(tmp_path):
    for path, message in ((tmp_path / "x", "is no folder"), (tmp_path, "holds nothing of a run")):
        with pytest.raises(InputError, match=message):
            diagnose(path)
