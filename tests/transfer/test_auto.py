"""`--transfer auto`: what it means is written into the run, and a resumed run keeps it."""

import pytest
from tiny import adapt_config, train_config

from genjax.families.recipes import transfer_names
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_adaptation, saved_config
from genjax.transfer.auto import choose_transfer


@pytest.mark.parametrize(
    ("family", "shots", "expected"),
    [("gan", 10, "freeze"), ("gan", None, "full"), ("vae", 10, "miner"), ("vae", 100, "full")],
)
def test_the_rule(family, shots, expected):
    assert choose_transfer(family, shots) == expected


def test_what_it_means_is_written_into_the_run(tmp_path):
    train(train_config("vae", tmp_path / "source", steps=2))
    config = adapt_config(tmp_path / "source", tmp_path / "run", transfer="auto", steps=2)
    outcome = adapt(config)
    saved = saved_config(outcome.folder, type(config))
    assert saved.transfer == "miner"
    assert transfer_names(saved) == ["miner"]
    assert plan_adaptation(config, resume=True).config == saved
