"""`--select`: shots are held out in turn, and say which transfer and how many steps are trained on all of them."""

import dataclasses
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_FLOW, adapt_config, train_config
from toy import NETWORK, TOY
from toy_runs import genjax, in_step, toy_config, toy_entered

from genjax.config import AdaptConfig
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.families.registry import FAMILIES
from genjax.report.gather import write_report
from genjax.store.model import load_model
from genjax.store.run_folder import RunFolder
from genjax.store.selection import Tried, as_asked, choose, read_selection, rows_of, verdict
from genjax.training import loop
from genjax.training.dry_run import rehearse
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_adaptation
from genjax.training.seeds import run_seeds
from genjax.training.select import _check, folds_of, marks_of, plan_candidates, try_candidate
from genjax.transfer.lora import Lora
from genjax.transfer.registry import chosen, names
from genjax.tree import flatten

RATE = 0.025  # by which the canvas rises in a step that looks at nothing: all of it is known in closed form
SLOW = 0.05  # of that, with a frozen shift
MARKS = (0, 2, 4, 6, 8, 10, 12, 14, 16)


def explain(networks, context, batch, key):
    """Returns the mean squared distance of each image to the canvas (n,)."""
    canvas = flatten(networks[NETWORK])["canvas/bias"]
    return jnp.square(to_float(batch["image"]) - canvas[None]).mean(axis=(1, 2, 3))


def rising(rate):
    """Makes a step by which the canvas rises."""

    def step(state, batch):
        own = rate * (1.0 if len(flatten(state.trainable[NETWORK])) > 1 else SLOW)
        raised = jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf + own if "bias" in str(path) else leaf, state.trainable
        )
        return dataclasses.replace(state, step=state.step + 1, trainable=raised, average=raised), {
            "loss": jnp.zeros(())
        }

    return step


def toy_with(**changes):
    """Makes the toy family with other functions of its learner."""

    def stages(model, how):
        (stage,) = TOY.stages(model, how)
        return (stage._replace(learner=stage.learner._replace(**changes)),)

    return TOY._replace(stages=stages, candidates=("full", "freeze"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a toy whose canvas is a little darker than grey, after one step on digits."""
    with toy_entered():
        return train(toy_config(tmp_path_factory.mktemp("source") / "run", steps=1)).folder.path


@pytest.fixture(scope="module")
def greys(tmp_path_factory):
    """The spec of a set of plain images about grey, and the values of its levels."""
    path = tmp_path_factory.mktemp("greys") / "greys.npz"
    levels = np.arange(100, 160, dtype=np.uint8)
    np.savez(path, images=np.broadcast_to(levels[:, None, None], (60, 16, 16)))
    return f"npz:{path}"


@pytest.fixture
def rises(monkeypatch):
    """The toy is a family here, and its canvas rises."""
    monkeypatch.setitem(FAMILIES, "toy", toy_with(step=rising(RATE), fit=explain))


def config_of(source, greys, out, **changes):
    """An adaptation with selection, of a second."""
    usual = {"source": source, "data": greys, "shots": 6, "steps": 16, "select": True, "evaluate_every": 0, "out": out}
    return AdaptConfig(**usual | changes)


def closed_form(source, images, rate):
    """Returns the mean squared distance of plain images to the canvas of the source after each mark."""
    canvas = np.asarray(load_model(source).params()[NETWORK]["canvas"]["bias"])[..., 0]  # (h, w)
    levels = np.asarray(to_float(images))[:, 0, 0, 0]
    return [np.square(levels[:, None, None] - canvas - mark * rate).mean() for mark in MARKS]


@pytest.mark.usefixtures("rises")
def test_the_best_step_of_the_best_candidate_is_trained_on_all_shots(source, greys, tmp_path, capsys):
    outcome = adapt(config_of(source, greys, tmp_path / "run"))
    shots = plan_adaptation(config_of(source, greys, tmp_path / "other")).images
    full, freeze = (closed_form(source, shots.images[:], rate) for rate in (RATE, SLOW * RATE))
    best = int(np.argmin(full))
    assert 0 < best < len(MARKS) - 1
    assert full[best] < min(freeze)
    found = read_selection(outcome.folder)
    assert found is not None
    assert [names(one.transfer) for one in found.tried] == ["full", "freeze"]
    np.testing.assert_allclose([one.fit for one in found.tried], [full, freeze], rtol=1e-4)
    assert (names(found.transfer), found.steps, found.folds, found.marks) == ("full", MARKS[best], 3, MARKS)
    assert int(outcome.state.step) == MARKS[best]
    saved = json.loads(outcome.folder.config.read_text())["config"]
    assert (saved["steps"], saved["transfer"][0]["name"], saved["select"]) == (MARKS[best], "full", True)
    said = capsys.readouterr().err
    assert f"selected full and {MARKS[best]} steps: {full[best]:.4g}, the source has {full[0]:.4g}" in said
    assert f"{full[best]:.4g}*" in said
    page = write_report([outcome.folder.path], tmp_path / "report.html", num=20).read_text()
    assert f"Selected full and {MARKS[best]} steps" in page
    assert f"--steps {MARKS[best]}" in page.replace('<span class="option">', "")
    assert "--select" not in page.replace('<span class="option">', "").partition("Every setting")[0]


@pytest.mark.usefixtures("rises")
def test_a_resumed_run_does_not_try_again(source, greys, tmp_path, monkeypatch):
    config = config_of(source, greys, tmp_path / "run", save_every=1)
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGTERM))
        stopped = adapt(config)
    assert stopped.signal == signal.SIGTERM
    monkeypatch.setattr(loop, "try_candidates", lambda *_: pytest.fail("was tried again"))
    resumed = adapt(config, resume=True)
    found = read_selection(resumed.folder)
    assert found is not None
    assert int(resumed.state.step) == found.steps
    assert int(adapt(dataclasses.replace(config, steps=15), resume=True).state.step) == 15


@pytest.mark.usefixtures("rises")
def test_each_seed_selects_for_itself_also_when_it_is_begun_later(source, greys, tmp_path):
    config = config_of(source, greys, tmp_path)
    (first,) = run_seeds(adapt, config, 1)
    found = read_selection(first.folder)
    assert found is not None
    settled = dataclasses.replace(config, transfer=found.transfer, steps=found.steps)
    assert as_asked(settled, found) == config
    again = run_seeds(adapt, as_asked(settled, found), 2, resume=True)
    own = [read_selection(one.folder) for one in again]
    assert own[0] == found
    assert own[1] is not None
    assert own[1].tried != found.tried, "another seed has other shots"
    assert [int(one.state.step) for one in again] == [found.steps, own[1].steps]


def test_where_the_source_fits_best_the_least_harm_is_trained_and_said(source, greys, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(FAMILIES, "toy", toy_with(step=rising(-RATE), fit=explain))  # away from every image
    outcome = adapt(config_of(source, greys, tmp_path / "run", candidates=("freeze", "full")))
    assert (int(outcome.state.step), len(outcome.folder.path.name)) == (2, 3)
    assert "explains shots that it was not shown better than the source does" in capsys.readouterr().err
    found = read_selection(outcome.folder)
    assert found is not None
    assert names(found.transfer) == "freeze"


def test_a_candidate_is_trained_on_the_other_shots_as_a_run_of_them_is(source, greys, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "toy", toy_with(fit=explain))
    config = config_of(source, greys, tmp_path / "run", candidates=("full",), batch=4, steps=8)
    (plan,) = plan_candidates(config)
    folds = folds_of(np.arange(6), 0)
    tried = try_candidate(plan, folds[:1], (0, 8), lambda: None)
    shown, held_out = (plan.images.take(part) for part in folds[0])
    alone = dataclasses.replace(config, select=False, candidates=(), shots=None)
    ended = adapt(alone, dataset=shown).state
    expected = explain(ended.average, ended.context, {"image": held_out.images[:]}, None).mean()
    np.testing.assert_allclose(tried.fit[1], expected, rtol=1e-5)
    assert tried.gap == ()


def test_without_a_loss_samples_are_compared_with_the_shots(source, greys, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "toy", toy_with(step=rising(RATE)))
    plans = plan_candidates(config_of(source, greys, tmp_path / "run", candidates=("full",)))
    fit = try_candidate(plans[0], folds_of(np.arange(6), 0), (0, 4, 80), lambda: None).fit
    assert 0 < fit[1] < fit[2]  # white is far from grey


def test_every_shot_is_held_out_once_and_letters_of_a_kind_together():
    for n in (2, 3, 7, 50):
        folds = folds_of(np.arange(n), 1)
        assert len(folds) == min(3, n)
        assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(n))
        assert all(sorted([*fold.shown, *fold.held_out]) == list(range(n)) for fold in folds)
        assert max(len(fold.held_out) for fold in folds) - min(len(fold.held_out) for fold in folds) <= 1
    groups = np.repeat(np.arange(4), 5)
    for fold in folds_of(groups, 0):
        assert not set(groups[fold.shown]) & set(groups[fold.held_out])


def test_the_steps_that_are_measured():
    assert marks_of(1000) == (0, 125, 250, 375, 500, 625, 750, 875, 1000)
    assert marks_of(3) == (0, 1, 2, 3)


def test_of_equals_the_fewest_steps_and_then_the_first_are_chosen(tmp_path):
    tried = [Tried(chosen("full"), (5.0, 2.0, float("inf")), (0.0, 1.0, 2.0)), Tried((Lora(rank=2),), (5.0, 2.0, 2.0))]
    found = choose(AdaptConfig(steps=2, select=True), "loss", 3, (0, 1, 2), tried)
    assert (names(found.transfer), found.steps, found.fit, found.source) == ("full", 1, 2.0, 5.0)
    assert verdict(found) == "selected full and 1 step: 2, the source has 5 (loss, a mean over 3 folds)"
    header, rows = rows_of(found)
    assert header == ["transfer", "source", "step 1", "step 2"]
    assert rows == [
        ["full", "5", "2*", "inf"],
        ["full: critic gap", "0", "1", "2"],
        ["lora", "5", "2", "2"],
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shots": 1}, "--select trains on some shots and holds out the others, and there is one shot. Use 2 or more"),
        ({"transfer": "lora"}, "--select chooses the transfer, and --transfer lora names one. Leave it out, or choose"),
        ({"candidates": ("full", "loro")}, "loro"),
        ({"candidates": ("full", "full")}, "--candidates full full names one transfer twice"),
        ({"select": False, "candidates": ("full",)}, "--candidates full does nothing without --select"),
    ],
)
@pytest.mark.usefixtures("rises")
def test_what_cannot_be_selected_is_refused_in_a_line_before_anything_is_computed(
    changes, said, source, greys, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "try_candidates", lambda *_: pytest.fail("was tried"))
    with pytest.raises(InputError) as error:
        adapt(config_of(source, greys, tmp_path / "run", **changes))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("rises")
def test_a_model_of_several_stages_is_refused(source, greys, tmp_path):
    config = config_of(source, greys, tmp_path / "run", candidates=("full",))
    (plan,) = plan_candidates(config)
    with pytest.raises(InputError, match=r"tries models of one stage, and this one has 2 \(toy, toy\)"):
        _check(config, dataclasses.replace(plan, stages=plan.stages * 2))


@pytest.mark.usefixtures("rises")
def test_the_command_line(source, greys, tmp_path, capsys):
    line = [
        "adapt",
        "--source",
        source,
        "--data",
        greys,
        "--steps",
        16,
        "--evaluate-every",
        0,
        "--out",
        tmp_path / "run",
    ]
    assert genjax(*line, "--shots", 1, "--select") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert genjax(*line, "--shots", 6, "--select", "--transfer", "freeze") == 2
    capsys.readouterr()
    assert genjax(*line, "--shots", 6, "--select", "--candidates", "freeze", "--dry-run") == 0
    assert "select   freeze: each in 3 folds of 6 shots, up to 16 steps" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    assert genjax(*line, "--shots", 6, "--select", "--candidates", "full", "lora", "--lora.rank", 1) == 0
    found = read_selection(RunFolder(tmp_path / "run"))
    assert found is not None
    assert [one.transfer for one in found.tried] == [chosen("full"), (Lora(rank=1),)]
    assert genjax("adapt", "--out", tmp_path / "run", "--resume") == 0


@pytest.mark.usefixtures("rises")
def test_a_dry_run_says_what_would_be_tried(source, greys, tmp_path):
    lines = rehearse(config_of(source, greys, tmp_path / "run"))["introduction"]
    assert lines[-1].startswith("select   full, freeze: each in 3 folds of 6 shots, up to 16 steps, measured at 0, 2,")


@pytest.mark.slow
def test_a_flow_of_digits_is_selected_for_glyphs(tmp_path):
    flow = dataclasses.replace(TINY_FLOW, learning_rate=1e-2)
    train(train_config("flow", tmp_path / "source", flow=flow, steps=60, batch=16, num_images=200))
    config = adapt_config(
        tmp_path / "source", tmp_path / "run", shots=12, steps=40, select=True, candidates=("full", "lora")
    )
    outcome = adapt(config)
    found = read_selection(outcome.folder)
    assert found is not None
    assert found.fit < found.source
    assert min(min(one.fit[1:]) for one in found.tried) == found.fit
    assert int(outcome.state.step) == found.steps


@pytest.mark.slow
@pytest.mark.parametrize(("family", "gap"), [("gan", True), ("vae", False)])
def test_the_usual_candidates_of_a_family_can_be_tried(family, gap, kept_runs, tmp_path):
    outcome = adapt(adapt_config(kept_runs / family, tmp_path / "run", select=True, shots=6))
    found = read_selection(outcome.folder)
    assert found is not None
    assert len(found.tried) == 3
    assert all(np.isfinite(one.fit).all() and bool(one.gap) is gap for one in found.tried)
