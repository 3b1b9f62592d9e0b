"""Several seeds: which runs are made, and what is said of how steady they were."""

import json

import pytest
from tiny import train_config

from genjax.cli import main as cli
from genjax.errors import InputError
from genjax.store.migrations import FORMAT
from genjax.training import seeds
from genjax.training.loop import train
from genjax.training.seeds import run_seeds, seed_configs, steadiness

KD = "evaluate/KD[embedded-v1]"


def fake_run(folder, values, *, coverage=(), name=KD):
    """The text files of a run that was evaluated every 100 steps."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"genjax_run": FORMAT, "kind": "train", "config": {}}))
    lines = [{"step": 100 * index, name: value, f"{name}/low": value - 9} for index, value in enumerate(values, 1)]
    for line, value in zip(lines, coverage, strict=False):
        line["evaluate/coverage[embedded-v1]"] = value
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_each_seed_has_a_folder_of_its_own(tmp_path):
    configs = seed_configs(train_config("gan", tmp_path, seed=4), 3)
    assert [(one.seed, one.out.name) for one in configs] == [(4, "seed-4"), (5, "seed-5"), (6, "seed-6")]
    with pytest.raises(InputError, match="--seeds 0 runs were asked for"):
        seed_configs(train_config("gan", tmp_path), 0)


def test_runs_that_were_begun_are_resumed_and_the_others_begun(tmp_path):
    config = train_config("vae", tmp_path, steps=2)
    run_seeds(train, config, 1)
    outcomes = run_seeds(train, train_config("vae", tmp_path, steps=3), 2, resume=True)
    assert [int(outcome.state.step) for outcome in outcomes] == [3, 3]
    with pytest.raises(InputError, match="exists already"):
        run_seeds(train, config, 3)
    assert not (tmp_path / "seed-2").exists()  # every folder is asked before the first run


def test_every_seed_is_planned_before_the_first_is_trained(tmp_path, monkeypatch):
    planned = []

    def check(config, **_):
        planned.append(config.seed)
        if config.seed == 6:
            raise InputError("seed 6 has no such shots")

    monkeypatch.setattr(seeds, "check_plan", check)
    with pytest.raises(InputError, match="seed 6"):
        run_seeds(lambda *_, **__: pytest.fail("was trained"), train_config("vae", tmp_path, seed=4), 4)
    assert planned == [5, 6]


def test_figures_of_each_run_and_over_all(tmp_path):
    steady = fake_run(tmp_path / "a", [4, 3, 2, 2], coverage=[0.2, 0.3, 0.4, 0.4])
    fallen = fake_run(tmp_path / "b", [4, 1, 2, 3], coverage=[0.2, 0.4, 0.1, 0.1])
    found = steadiness([steady, fallen])
    assert found.metric == KD
    assert found.runs[str(steady)].collapse_step is None
    assert found.runs[str(fallen)].collapse_step == 300
    assert found.runs[str(fallen)].ratio == 3
    assert found.summary["best"] == (1.5, pytest.approx(0.5**0.5))
    assert found.summary["collapses"][0] == 0.5


@pytest.mark.parametrize(
    ("metric", "message"),
    [("fd", "has no evaluations of 'fd'"), ("KD[embedded-v2]", "Did you mean 'evaluate/KD.embedded-v1.'")],
)
def test_an_unknown_metric_is_named(tmp_path, metric, message):
    with pytest.raises(InputError, match=message):
        steadiness([fake_run(tmp_path / "a", [4, 3])], metric)


def test_runs_without_evaluations_or_with_others_are_refused(tmp_path):
    first = fake_run(tmp_path / "a", [4, 3])
    with pytest.raises(InputError, match="has no evaluations of"):
        steadiness([first, fake_run(tmp_path / "b", [4, 3], name="evaluate/KD[random-v1]")])
    with pytest.raises(InputError, match="was not evaluated along training"):
        steadiness([fake_run(tmp_path / "c", [])])
    with pytest.raises(InputError, match="1 evaluations"):
        steadiness([fake_run(tmp_path / "d", [1])])
    with pytest.raises(InputError, match="no run was named"):
        steadiness([])


def test_the_command_prints_a_table_or_json(tmp_path, capsys):
    runs = [str(fake_run(tmp_path / name, [4, 0, 2])) for name in "ab"]
    assert cli.main(["stability", *runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["KD[embedded-v1]", "best", "final"]
    assert [line.split()[0] for line in lines[-2:]] == ["mean", "sd"]
    assert cli.main(["stability", *runs, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"][runs[0]]["ratio"] is None  # of a best value that is 0
    assert cli.main(["stability"]) == 2
