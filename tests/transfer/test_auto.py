"""`--transfer auto`: what it means is written into the run, and a resumed run keeps it."""

import dataclasses

import pytest
from tiny import adapt_config, train_config

from genjax.families.flow.options import FlowConfig
from genjax.families.model import Condition, ModelConfig, Styles
from genjax.families.registry import FAMILIES
from genjax.store.run_config import saved_config
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_adaptation
from genjax.transfer.auto import Rule, choose
from genjax.transfer.registry import names

GAN, VAE = (Rule(None, "freeze"),), (Rule(30, "miner"),)


@pytest.mark.parametrize(
    ("rules", "shots", "expected"),
    [
        (GAN, 1, "freeze"),
        (GAN, 5000, "freeze"),
        (GAN, None, "full"),
        (VAE, 30, "miner"),
        (VAE, 31, "full"),
        (VAE, None, "full"),
        ((Rule(5, "lora"), Rule(50, "freeze,lora")), 5, "lora"),
        ((Rule(5, "lora"), Rule(50, "freeze,lora")), 6, "freeze,lora"),
        ((), 10, "full"),
    ],
)
def test_the_first_rule_that_applies_is_chosen(rules, shots, expected):
    assert choose(rules, shots) == expected


def test_what_it_means_is_written_into_the_run(tmp_path):
    train(train_config("vae", tmp_path / "source", steps=2))
    config = adapt_config(tmp_path / "source", tmp_path / "run", transfer="auto", steps=2)
    outcome = adapt(config)
    saved = saved_config(outcome.folder, type(config))
    assert names(saved.transfers) == "miner"
    assert plan_adaptation(config, resume=True).config == saved


@pytest.mark.parametrize(
    ("family", "shots", "changes", "expected"),
    [
        ("gan", 10, {}, "freeze"),
        ("vae", 10, {}, "miner"),
        ("flow", 10, {}, "lora"),
        ("flow", 100, {}, "full"),
        ("flow", 10, {"options": FlowConfig(process="mean")}, "full"),  # few steps are taught to the whole network
        ("flow", 4, {"condition": Condition("class", ("a",), styles=Styles("face", ("b", "c"), "c", 1))}, "embedding"),
    ],
)
def test_each_family_says_what_it_means(family, shots, changes, expected):
    options = FAMILIES[family].options()
    model = ModelConfig(family=family, size=16, channels=1, dtype="float32", batch=8, options=options)
    assert choose(FAMILIES[family].rules(dataclasses.replace(model, **changes)), shots) == expected
