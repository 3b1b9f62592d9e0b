"""Configs: validated when built, and read back from JSON without guessing."""

import dataclasses
import json
from pathlib import Path

import pytest

from genjax.config import (
    AdaptConfig,
    GanConfig,
    ModelConfig,
    TextToImageAdaptation,
    TextToImageConfig,
    TrainConfig,
    VaeConfig,
    config_from_json,
    config_to_json,
)
from genjax.errors import InputError
from genjax.families.registry import FAMILIES, model_from_json, model_to_json
from genjax.json_config import read_json
from genjax.transfer.freeze import Freeze
from genjax.transfer.lora import Lora

CONFIGS = [
    TrainConfig(),
    TrainConfig(data="folder:x", model=GanConfig(width=8), out=Path("a b")),
    TrainConfig(model=VaeConfig(latent_size=3), overfit_one_batch=True),
    TrainConfig(model=TextToImageConfig(masked_steps=0), size=32),
    AdaptConfig(shots=10, transfer="freeze,lora"),
    AdaptConfig(transfer=(Freeze(patterns=("critic/down_8*",)), Lora(rank=2))),
    AdaptConfig(transfer="lora", adaptation=TextToImageAdaptation(prior_steps=7)),
]
MODEL = ModelConfig("vae", 32, 3, "bfloat16", 16, VaeConfig(latent_size=3))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_json_and_back(config):
    plain = json.loads(json.dumps(config_to_json(config)))
    assert config_from_json(type(config), plain, where="x") == config


def test_the_config_of_a_model_as_json_and_back():
    assert model_from_json(json.loads(json.dumps(model_to_json(MODEL))), where="x") == MODEL


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_chosen_by_its_name(family):
    config = TrainConfig(model=family)
    assert config.family is FAMILIES[family]
    assert config.model == FAMILIES[family].options()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, r"x: unknown key 'stepz'. Did you mean 'steps'?"),
        ({"steps": "three"}, r"x: steps is 'three', expected int"),
        ({"steps": True}, r"x: steps is True, expected int"),
        ({"stratify": 1}, r"x: stratify is 1, expected bool"),
        ({"shots": "ten"}, r"x: shots is 'ten', expected"),
        ({"transfer": [{"name": "lora", "rang": 4}]}, r"x: transfer: lora: unknown key 'rang'. Did you mean 'rank'?"),
        ({"transfer": [4]}, r"x: transfer holds 4, expected an object with the name of a transfer"),
        ({"transfer": [{"name": "freeze", "patterns": "down_*"}]}, r"x: transfer: freeze: patterns is 'down_\*'"),
        ({"transfer": [{"name": "lora", "rank": 0}]}, r"--lora.rank is 0, expected 1 or more"),
        ({"adaptation": 4}, r"x: adaptation is 4, expected its options"),
    ],
)
def test_a_damaged_config_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        config_from_json(AdaptConfig, config_to_json(AdaptConfig()) | change, where="x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "gam"}, r"unknown model 'gam'. Did you mean 'gan'?"),
        ({"gan": 4}, r"x: gan is 4, expected its options"),
        ({"gan": {"widht": 8}}, r"x: gan: unknown key 'widht'. Did you mean 'width'?"),
        ({"vae": {"width": 8}}, r"x: unknown key 'vae'"),
    ],
)
def test_damaged_options_of_a_family_are_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        config_from_json(TrainConfig, config_to_json(TrainConfig()) | change, where="x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "../../etc/passwd"}, "--dtype is '../../etc/passwd', expected float32 or bfloat16"),
        ({"channels": 10**9}, "--channels is 1000000000, expected 1 or 3"),
        ({"family": None}, "x lacks family. Restore it"),
    ],
)
def test_a_damaged_description_of_a_model_is_refused(change, message):
    """What has no default must be there."""
    values = {name: value for name, value in (model_to_json(MODEL) | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        model_from_json(values, where="x")


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (TrainConfig, {"size": 17}, "--size 17 is not one of 16, 32, 64, 128"),
        (TrainConfig, {"model": "gam"}, "unknown model 'gam'. Did you mean 'gan'?"),
        (TrainConfig, {"model": 3}, "3 are not the options of a model"),
        (TrainConfig, {"steps": 0}, "--steps is 0, expected 1 or more"),
        (TrainConfig, {"batch": 0}, "--batch is 0, expected 1 or more"),
        (GanConfig, {"learning_rate": 0.0}, "--gan.learning-rate is 0.0, expected a number above 0"),
        (GanConfig, {"learning_rate": float("nan")}, "--gan.learning-rate is nan, expected a number above 0"),
        (GanConfig, {"beta1": 1.0}, "--gan.beta1 is 1.0, expected less than 1"),
        (VaeConfig, {"kl_weight": -1.0}, "--vae.kl-weight is -1.0, expected 0 or more"),
        (AdaptConfig, {"shots": -1}, "--shots -1: there is nothing to adapt to"),
    ],
)
def test_values_that_no_training_could_use_are_refused_when_built(kind, change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(kind(), **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read as JSON"), ("[1]", "holds a list"), ("[" * 100_000, "cannot be read as JSON")],
)
def test_a_file_that_is_no_object_is_refused(text, message, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_json(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nothing.json does not exist"):
        read_json(tmp_path / "nothing.json")
