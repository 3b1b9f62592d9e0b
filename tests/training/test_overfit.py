"""--overfit-one-batch: every step sees the first batch, which a model learns by heart."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from tiny import adapt_config, train_config

from genjax.config import VaeConfig
from genjax.control import NO_CONTROL
from genjax.data.batches import batch_indices
from genjax.errors import InputError
from genjax.store.metrics import read_metrics
from genjax.training import stage
from genjax.training.loop import adapt, train


@pytest.fixture
def fed(monkeypatch):
    """The images of every step, by their numbers, as they are asked for."""
    asked = []

    def indices(*arguments):
        asked.append(batch_indices(*arguments))
        return asked[-1]

    monkeypatch.setattr(stage, "batch_indices", indices)
    return asked


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_every_step_sees_the_images_of_the_first(family, tmp_path, fed):
    train(train_config(family, tmp_path / "run", overfit_one_batch=True, seed=3))
    assert len(fed) == 4
    assert all(np.array_equal(one, batch_indices(40, 8, 3, 0)) for one in fed)
    del fed[:]
    train(train_config(family, tmp_path / "other", seed=3))
    assert len({tuple(one) for one in fed}) == 4


@pytest.mark.slow
def test_an_adaptation_sees_one_batch_too(kept_runs, tmp_path, fed):
    adapt(adapt_config(kept_runs / "vae", tmp_path / "run", transfer="lora", batch=4, overfit_one_batch=True))
    assert len(fed) == 4
    assert all(np.array_equal(one, batch_indices(10, 4, 0, 0)) for one in fed)


@pytest.mark.slow
def test_a_vae_learns_a_batch_by_heart(tmp_path):
    """By its squared error, which has no constant and no floor."""
    vae = VaeConfig(width=8, latent_size=4, learning_rate=1e-2)
    config = train_config("vae", tmp_path / "run", vae=vae, control=NO_CONTROL, steps=50, log_every=1)
    train(dataclasses.replace(config, overfit_one_batch=True, save_every=50, sample_every=50))
    losses = [line["loss/squared_error"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    assert losses[-1] < losses[0] / 2


def test_it_is_kept_with_a_run_and_older_runs_did_not_have_it(kept_runs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(kept_runs / "vae", run)
    values = json.loads((run / "config.json").read_text())
    assert values["config"].pop("overfit_one_batch") is False
    (run / "config.json").write_text(json.dumps(values))
    config = train_config("vae", run, save_every=2)
    with pytest.raises(InputError, match="these differ: overfit_one_batch None -> True"):
        train(dataclasses.replace(config, overfit_one_batch=True), resume=True)
    assert int(train(config, resume=True).state.step) == 4
