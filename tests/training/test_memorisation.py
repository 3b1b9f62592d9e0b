"""Memorisation control in a run: where it is refused, and that a stop changes nothing."""

import dataclasses
import signal

import numpy as np
import pytest
from tiny import TINY_CONTROL, adapt_config, leaves_equal, train_config
from toy_runs import in_step

from genjax.errors import InputError
from genjax.families import copies
from genjax.store.metrics import read_metrics
from genjax.training.loop import adapt
from genjax.training.plan import plan_adaptation, plan_training

HELD = dataclasses.replace(TINY_CONTROL, copies=0.05, copies_every=2, geco_tolerance=0.0)
BY_PENALTY = dataclasses.replace(HELD, copies_by="penalty")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"shots": 1, "batch": 1},
            r"with the second nearest, and there is one\. Leave it out, or take more with --sho",
        ),
        ({"control": BY_PENALTY}, r"--control.copies-by penalty weighs a penalty, and --transfer full has none"),
        (
            {"control": dataclasses.replace(BY_PENALTY, transfer_ratio=0.1), "transfer": "l2_sp"},
            r"--control.transfer-ratio and --control.copies both set the knob 'transfer_weight'",
        ),
    ],
)
def test_an_adaptation_that_it_could_not_steer_is_refused(changes, message, kept_runs, tmp_path):
    with pytest.raises(InputError, match=message):
        plan_adaptation(
            adapt_config(kept_runs / "vae", tmp_path / "run", **({"control": HELD, "transfer": "full"} | changes))
        )
    assert not (tmp_path / "run").exists()


def test_a_pretraining_has_no_shots(tmp_path):
    with pytest.raises(InputError, match=r"--control.copies looks for copies of the shots, and a pretraining has none"):
        plan_training(train_config("vae", tmp_path / "run", control=HELD))


def test_an_adaptation_that_was_stopped_goes_on_bit_for_bit(kept_runs, tmp_path, monkeypatch):
    """With every sample a copy by a threshold of its own, so that the state moves."""
    monkeypatch.setattr(copies, "COPY", 2.0)
    config = adapt_config(kept_runs / "vae", tmp_path / "run", control=BY_PENALTY, transfer="l2_sp", log_every=1)
    whole = adapt(dataclasses.replace(config, out=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert adapt(config).signal == signal.SIGINT
    leaves_equal(whole.state, adapt(config, resume=True).state)
    lines = read_metrics(whole.folder.metrics)
    assert [line["control/copies_seen"] for line in lines] == [0, 0, 1, 1]
    assert [line["control/transfer_weight"] for line in lines] == pytest.approx(
        [1, 1, *[np.exp(4 * 0.95)] * 2], rel=1e-4
    )
