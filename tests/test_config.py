"""Configs: validated when built, and read back from JSON without guessing."""

import dataclasses
import json
from pathlib import Path

import pytest

from genjax.config import (
    AdaptConfig,
    GanConfig,
    ModelConfig,
    TrainConfig,
    VaeConfig,
    from_json,
    read_json,
    to_json,
)
from genjax.errors import InputError

CONFIGS = [
    TrainConfig(),
    TrainConfig(data="folder:x", model="vae", gan=GanConfig(width=8), out=Path("a b")),
    AdaptConfig(shots=10, transfer="freeze,lora"),
    ModelConfig("vae", 32, 3, "bfloat16", 16, GanConfig(), VaeConfig(latent_size=3)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_json_and_back(config):
    assert from_json(type(config), json.loads(json.dumps(to_json(config))), where="x") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepz": 3}, r"x: unknown key 'stepz'. Did you mean 'steps'?"),
        ({"steps": "three"}, r"x: steps is 'three', expected int"),
        ({"steps": True}, r"x: steps is True, expected int"),
        ({"stratify": 1}, r"x: stratify is 1, expected bool"),
        ({"shots": "ten"}, r"x: shots is 'ten', expected"),
        ({"lora": {"rang": 4}}, r"x: lora: unknown key 'rang'. Did you mean 'rank'?"),
        ({"lora": 4}, r"x: lora is 4, expected LoraConfig"),
        ({"freeze": {"critic": "down_*"}}, r"x: freeze: critic is 'down_\*'"),
        ({"lora": {"rank": 0}}, r"--lora.rank is 0, expected 1 or more"),
    ],
)
def test_a_damaged_config_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        from_json(AdaptConfig, to_json(AdaptConfig()) | change, where="x")


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
    values = {name: value for name, value in (to_json(CONFIGS[-1]) | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        from_json(ModelConfig, values, where="x")


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (TrainConfig, {"size": 17}, "--size 17 is not one of 16, 32, 64, 128"),
        (TrainConfig, {"model": "gam"}, "unknown model 'gam'. Did you mean 'gan'?"),
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
