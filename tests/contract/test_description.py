"""A family describes itself wholly: networks, options as JSON, what is refused by name. No run is needed."""

import json
from pathlib import Path

import pytest
from tiny import TINY_FLOW, TINY_GAN, TINY_VAE
from toy import ToyConfig
from toy_runs import genjax, options_of

from genjax.config import ModelConfig, TrainConfig
from genjax.config.run import config_from_json, config_to_json
from genjax.control import NO_CONTROL
from genjax.errors import InputError
from genjax.evaluate.run_data import load_images
from genjax.families.family import Training
from genjax.families.registry import (
    FAMILIES,
    build_transfers,
    family_named,
    model_from_json,
    model_to_json,
    other_families,
)
from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.tokenizers.options import TokenizerConfig
from genjax.store.description import read_model_config
from genjax.transfer.registry import TRANSFERS
from genjax.transfer.transfer import applies

PACKAGE = Path(__file__).parents[2] / "genjax"
TEXT_TO_IMAGE = TextToImageConfig(
    tokenizer=TokenizerConfig(grid=4, codes=8, code_size=4, width=4, depth=0),
    prior=PriorConfig(width=16, depth=1, heads=2),
    reranker=RerankerConfig(width=4, text_width=8, text_depth=1, text_heads=2, embedding_size=8),
)
EVERY = {"gan": TINY_GAN, "vae": TINY_VAE, "flow": TINY_FLOW, "text2image": TEXT_TO_IMAGE, "toy": ToyConfig()}


def model_of(name):
    """A tiny model of a family, with the condition that its images give it."""
    family, options = FAMILIES[name], EVERY[name]
    kind = family.conditions[0]
    images = load_images(kind, "glyphs", size=16, num=20, seed=0)
    return ModelConfig(
        name, 16, images.images.shape[-1], "float32", 8, options, family.condition(kind, options, images)
    )


def test_every_family_is_asked():
    assert list(FAMILIES) == list(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_family_names_the_same_networks_everywhere(name):
    family, model = FAMILIES[name], model_of(name)
    assert family.name == name
    assert sorted(family.offers(model)) == sorted(family.networks(model))
    assert family.published(model)
    stages = family.stages(model, Training({}, control=NO_CONTROL, others=other_families(), steps=4, images=20))
    found = {stage.name: sorted(stage.learner.transfers) for stage in stages}
    assert found == {stage: sorted(names) for stage, names in family.stage_networks(model).items()}
    assert all(len(rows) == 1 for stage in stages for rows in stage.example.values())


@pytest.mark.parametrize("name", EVERY)
def test_configs_are_the_same_after_json(name, tmp_path):
    config, model = TrainConfig(model=EVERY[name], out=tmp_path), model_of(name)
    values = json.loads(json.dumps(config_to_json(config)))
    assert config_from_json(TrainConfig, values, where="config.json") == config
    with pytest.raises(InputError, match="unknown key 'depht'"):
        config_from_json(TrainConfig, {**values, name: {"depht": 2}}, where="config.json")
    kept = json.loads(json.dumps(model_to_json(model)))
    again = model_from_json(kept, where="model.json")
    assert again.options == model.options
    assert model_to_json(again) == kept


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("name", EVERY)
def test_a_transfer_fits_a_family_or_is_refused_by_name(name, transfer):
    spec, model = TRANSFERS[transfer], model_of(name)
    if any(applies(spec, offer) for offer in FAMILIES[name].offers(model).values()):
        assert set(build_transfers((options_of(transfer),), model)) == set(FAMILIES[name].networks(model))
        return
    with pytest.raises(InputError, match=rf"--transfer {transfer}\b"):
        build_transfers((options_of(transfer),), model)


def test_nothing_in_the_package_knows_of_the_toy():
    assert not [path for path in PACKAGE.rglob("*.py") if '"toy"' in path.read_text()]


def test_a_family_is_known_by_name_while_it_is_entered(source, monkeypatch, capsys):
    with pytest.raises(InputError, match=r"unknown model 'toi'. Did you mean 'toy'"):
        family_named("toi")
    assert genjax("train", "--model", "diffusion") == 2
    assert "unknown model 'diffusion'. Known: flow, gan, text2image, toy, vae." in capsys.readouterr().err
    with pytest.raises(InputError, match=r"Use those of gan, vae, flow, text2image, toy\."):
        TrainConfig(model=3)
    monkeypatch.delitem(FAMILIES, "toy")
    with pytest.raises(InputError, match="unknown model 'toy'"):
        read_model_config(source)
    for verb in ("sample", "report"):
        assert genjax(verb, source) == 2
        assert "unknown model 'toy'" in capsys.readouterr().err
