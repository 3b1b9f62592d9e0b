"""Every stage of a family of several: stopped by a signal, it comes to the same parameters bit for bit."""

import numpy as np
import pytest
from text_to_image_tiny import STAGES, stage_parameters, stops_in, text_config

from genjax.training import loop
from genjax.training.loop import train


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A model that nothing stopped."""
    config = text_config(tmp_path_factory.mktemp("straight") / "model")
    train(config)
    return config.out


@pytest.mark.parametrize("stopped_in", [(name,) for name in STAGES] + [tuple(STAGES)], ids=",".join)
def test_a_stop_in_any_stage_changes_nothing(stopped_in, straight, tmp_path, monkeypatch):
    config, stopped = text_config(tmp_path / "model"), []
    monkeypatch.setattr(loop, "run_stage", stops_in(*stopped_in))
    while not stopped or stopped[-1]:
        stopped.append(train(config, resume=bool(stopped)).stage)
    assert stopped == [*stopped_in, ""]
    for name in STAGES:
        theirs = stage_parameters(straight, name)
        for part, leaf in stage_parameters(config.out, name).items():
            np.testing.assert_array_equal(leaf, theirs[part], err_msg=f"{name} {part}")
