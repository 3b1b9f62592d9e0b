"""`genjax average`: an average of another width, rebuilt from those that a run has kept, as a run of its own."""

import dataclasses
import json
import signal
from functools import partial

import numpy as np
import pytest
import toy
from tiny import adapt_config
from toy_runs import genjax, in_step, toy_config

from genjax.errors import InputError
from genjax.families.averages import averages_of, move_averages, start_averages
from genjax.families.family import Stage, image_example, latent_preview
from genjax.families.registry import FAMILIES
from genjax.store.averages import kept_averages, read_averages
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.training.loop import adapt, train
from genjax.training.rebuild import rebuild_average
from genjax.tree import flatten

STEPS = 64


def averaging(widths):
    """The toy family, with averages of these widths in place of its own."""

    def stages(model, how):
        plain = toy.build(model, how)

        def init(*given, **source):
            return start_averages(plain.init(*given, **source), widths)

        def step(state, batch):
            after, metrics = plain.step(state, batch)
            return move_averages(state, after, widths), metrics

        learner = plain._replace(init=init, step=step, averages=partial(averages_of, widths=widths))
        return (Stage("toy", learner, how.steps, image_example(model), preview=latent_preview(learner)),)

    return toy.TOY._replace(stages=stages)


def trained(folder, widths, **changes):
    """Trains the toy with averages of these widths."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", averaging(widths))
        return train(toy_config(folder, **({"steps": STEPS, "save_every": 16, "sample_every": STEPS} | changes)))


@pytest.fixture(scope="module", autouse=True)
def entered():
    """Enters the toy family, with averages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", averaging((0.1, 0.05)))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that kept averages of widths 0.1 and 0.05; to be read only."""
    out = tmp_path_factory.mktemp("averages") / "run"
    trained(out, (0.1, 0.05))
    return out


def params(folder):
    """All numbers of a run's model in a row."""
    return np.concatenate([np.ravel(leaf) for leaf in flatten(load_model(folder).params()).values()])


def distance(one, other):
    return np.linalg.norm(one - other) / np.linalg.norm(other)


def test_a_rebuilt_average_is_near_to_one_that_was_kept_directly(run, tmp_path):
    trained(tmp_path / "direct", (0.15,))
    direct = params(tmp_path / "direct")
    assert genjax("average", run, "--sigma-rel", 0.15, "--out", tmp_path / "rebuilt") == 0
    assert distance(params(tmp_path / "rebuilt"), direct) < 1e-2
    assert distance(params(run), direct) > 5e-2


def test_the_width_that_is_sampled_from_is_the_model_as_it_was(run, tmp_path):
    (tmp_path / "rebuilt").mkdir()  # an empty folder is in nobody's way
    assert genjax("average", run, "--sigma-rel", 0.1, "--out", tmp_path / "rebuilt") == 0
    np.testing.assert_allclose(params(tmp_path / "rebuilt"), params(run), rtol=2e-3, atol=1e-5)  # half precision


def test_the_error_holds_the_half_precision_of_what_was_kept(run, tmp_path):
    made = rebuild_average(run, 0.1, out=tmp_path / "rebuilt")
    assert 0 < distance(params(made.out), params(run)) <= made.error < 1e-3


@pytest.mark.slow
def test_the_error_holds_at_both_ends_of_the_advice(run, tmp_path):
    with pytest.raises(InputError) as refused:
        rebuild_average(run, 0.28, out=tmp_path / "refused")
    *_, narrowest, _, widest = str(refused.value).removesuffix(".").split()
    trained(tmp_path / "direct", (float(narrowest), float(widest)))
    direct = read_averages(kept_averages(RunFolder(tmp_path / "direct"))[-1])
    for width in (narrowest, widest):
        made = rebuild_average(run, float(width), out=tmp_path / width)
        found = flatten(load_model(made.out).params())
        one, other = (
            np.concatenate([np.ravel(leaf) for leaf in leaves])
            for leaves in (found.values(), [direct[f"{width}/{name}"] for name in found])
        )
        assert distance(one, other) < made.error


def test_the_new_run_is_sampled_adapted_and_not_resumed(run, tmp_path, capsys):
    rebuilt = tmp_path / "rebuilt"
    assert genjax("average", run, "--sigma-rel", 0.15, "--out", rebuilt) == 0
    assert genjax("sample", rebuilt, "--num", 4, "--out", tmp_path / "grid.png") == 0
    assert genjax("doctor", rebuilt) == 0
    adapted = adapt(adapt_config(rebuilt, tmp_path / "adapted", transfer="full", steps=2))
    assert int(adapted.state.step) == 2
    capsys.readouterr()
    assert genjax("train", "--resume", "--out", rebuilt) == 2
    said = capsys.readouterr().err
    assert f"Resume the run that it was made of, {run}, or adapt this one." in said
    assert genjax("average", rebuilt) == 2
    assert "kept no averages that another could be rebuilt from" in capsys.readouterr().err


@pytest.mark.slow
def test_an_adaptation_is_rebuilt_on_its_source(run, tmp_path):
    adapted, rebuilt = tmp_path / "adapted", tmp_path / "elsewhere" / "rebuilt"
    adapt(adapt_config(run, adapted, transfer="freeze", steps=16, save_every=16, sample_every=16))
    assert genjax("average", adapted, "--sigma-rel", 0.1, "--out", rebuilt) == 0
    np.testing.assert_allclose(params(rebuilt), params(adapted), rtol=2e-3, atol=1e-5)
    entry = json.loads((rebuilt / "model" / "latest" / "model.json").read_text())
    assert not entry["networks"]["toy"]["whole"]
    assert (rebuilt / entry["source"]["path"]).resolve() == run.resolve()


def test_a_run_that_was_stopped_keeps_the_same_bit_for_bit(run, tmp_path, monkeypatch):
    config = toy_config(tmp_path / "run", steps=STEPS, save_every=16, sample_every=STEPS)
    with monkeypatch.context() as patch:
        in_step(patch, 21, lambda: signal.raise_signal(signal.SIGINT))
        assert train(config).signal == signal.SIGINT
    stopped = kept_averages(RunFolder(config.out))
    assert stopped[-1].step >= 21
    # What was killed after it had written averages, and before the checkpoint of them: they are made again.
    (RunFolder(config.out).averages / "000060-0000000000000000.safetensors").write_bytes(b"")
    train(config, resume=True)
    names = [[kept.path.name for kept in kept_averages(RunFolder(folder))] for folder in (run, config.out)]
    assert names[0] == names[1]
    assert len(names[0]) == 16


@pytest.mark.slow
def test_eight_devices_keep_what_one_does(run, tmp_path):
    trained(tmp_path / "eight", (0.1, 0.05), devices=8, shard_state=True)
    assert genjax("average", tmp_path / "eight", "--sigma-rel", 0.15, "--out", tmp_path / "rebuilt") == 0
    assert genjax("average", run, "--sigma-rel", 0.15, "--out", tmp_path / "of-one") == 0
    assert distance(params(tmp_path / "rebuilt"), params(tmp_path / "of-one")) < 1e-3


@pytest.mark.slow
def test_a_damaged_file_is_named_by_doctor_and_the_rest_is_enough(run, tmp_path, capsys):
    trained(tmp_path / "run", (0.1, 0.05), steps=32)
    broken = kept_averages(RunFolder(tmp_path / "run"))[3].path
    broken.write_bytes(broken.read_bytes()[:-1])
    assert genjax("doctor", tmp_path / "run") == 1
    assert f"averages/{broken.name}" in capsys.readouterr().out
    assert genjax("average", tmp_path / "run", "--sigma-rel", 0.15) == 2
    assert f"{broken} is damaged" in capsys.readouterr().err
    broken.unlink()
    assert genjax("average", tmp_path / "run", "--sigma-rel", 0.15) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run-average-0.15'}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sigma-rel", "0.5"], "--sigma-rel 0.5: expected 0.01 to 0.28"),
        (
            ["--sigma-rel", "0.01"],
            "cannot be rebuilt from what {run} kept, widths 0.1 and 0.05 at 16 steps: the nearest",
        ),
        (["--out", "{run}"], "--out {run} and the run {run} lie one in the other"),
        (["--out", "{run}/averages", "--force"], "lie one in the other"),
        (["--out", "{run}/..", "--force"], "lie one in the other"),
        (["--out", "{here}"], "{here} exists already. Use --force to delete it, or another --out."),
        (["--out", "{here}", "--force"], "{here} is not a run of genjax, so --force does not delete it"),
        (["--source", "{here}"], "was adapted from no other run"),
    ],
)
def test_bad_input_gets_one_clear_line(options, message, run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    names = {"run": run, "here": tmp_path}
    before = sorted(run.parent.rglob("*"))
    assert genjax("average", run, *(option.format(**names) for option in options)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message.format(**names) in line
    assert sorted(run.parent.rglob("*")) == before


def test_the_advice_on_a_width_works_when_it_is_typed(run, tmp_path, capsys):
    assert genjax("average", run, "--sigma-rel", 0.28, "--out", tmp_path / "rebuilt") == 2
    widest = capsys.readouterr().err.strip().removesuffix(".").split()[-1]
    assert genjax("average", run, "--sigma-rel", widest, "--out", tmp_path / "rebuilt") == 0


def test_the_advice_has_gaps_where_widths_are_too_far_from_those_that_were_kept(tmp_path, capsys):
    run = tmp_path / "run"
    trained(run, (0.2, 0.05), steps=1, save_every=1, sample_every=1)
    assert genjax("average", run, "--sigma-rel", 0.1) == 2
    assert capsys.readouterr().err.strip().endswith("Use 0.05 to 0.06 or 0.18 to 0.21.")
    for width in (0.06, 0.18):
        assert genjax("average", run, "--sigma-rel", width) == 0


def test_a_run_without_averages_is_refused(tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", toy.TOY)
        train(dataclasses.replace(toy_config(tmp_path / "run")))
        assert genjax("average", tmp_path / "run") == 2
    assert "kept no averages that another could be rebuilt from. Name a run" in capsys.readouterr().err
    assert not (tmp_path / "run" / "averages").exists()
