"""Runs of the toy family: stopped, killed, on several devices or in parts of a batch, they come to the same end."""

import dataclasses
import signal

import jax
import numpy as np
import pytest
from tiny import leaves_equal
from toy_runs import TOY_LINE, genjax, in_step, toy_config

from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.training.loop import train


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The outcome of 6 steps that nothing stopped."""
    return train(toy_config(tmp_path_factory.mktemp("straight") / "run", steps=6))


def same_run(left, right):
    leaves_equal(left.state, right.state)
    assert read_metrics(left.folder.metrics) == read_metrics(right.folder.metrics)


def test_a_signal_in_a_step_stops_and_the_run_goes_on_bit_for_bit(straight, tmp_path, monkeypatch):
    config = toy_config(tmp_path / "run", steps=6)
    with monkeypatch.context() as patch:
        in_step(patch, 3, lambda: signal.raise_signal(signal.SIGTERM))
        stopped = train(config)
    assert (stopped.signal, int(stopped.state.step)) == (signal.SIGTERM, 4)
    assert load_model(config.out).step == 4
    same_run(straight, train(config, resume=True))


def test_a_killed_run_goes_on_from_its_checkpoint_bit_for_bit(straight, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    config = toy_config(tmp_path / "run", steps=6)
    with monkeypatch.context() as patch:
        in_step(patch, 3, kill)
        with pytest.raises(Killed):
            train(config)
    same_run(straight, train(config, resume=True))


def test_a_signal_on_the_command_line_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    line = ["train", "--model", "toy", *TOY_LINE, "--evaluate-every", 0, "--out", tmp_path / "run"]
    with monkeypatch.context() as patch:
        in_step(patch, 1, lambda: signal.raise_signal(signal.SIGTERM))
        assert genjax(*line) == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "stopped by SIGTERM at step 2; everything is saved." in said
    (way_on,) = [part.split("go on with: genjax ")[1] for part in said.splitlines() if "go on with:" in part]
    assert genjax(*way_on.split()) == 0
    assert load_model(tmp_path / "run").step == 4


@pytest.mark.parametrize(
    "changes",
    [{"devices": 8}, {"devices": 8, "shard_state": True}, {"accumulate": 2}, {"steps_per_dispatch": 2}],
    ids=str,
)
def test_devices_parts_and_dispatches_change_nothing(changes, straight, tmp_path):
    other = train(dataclasses.replace(toy_config(tmp_path / "run", steps=6), **changes))
    for left, right in zip(
        jax.tree.leaves(straight.state.trainable), jax.tree.leaves(other.state.trainable), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-4)
