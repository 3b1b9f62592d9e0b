"""A run that is resumed goes on as it was begun, or not at all."""

import json
from dataclasses import replace

import pytest
from tiny import TINY_VAE, adapt_config, train_config

from genjax.errors import InputError
from genjax.training.loop import adapt, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A source and an adaptation of it, both stopped half-way."""
    folder = tmp_path_factory.mktemp("continuation")
    train(train_config("vae", folder / "source", steps=2))
    adapt(adapt_config(folder / "source", folder / "adapted", steps=2))
    return folder


def test_an_adaptation_whose_source_was_trained_on_is_refused(folder):
    """What it keeps of its source is in its checkpoint: the two would not fit."""
    train(train_config("vae", folder / "source", steps=3), resume=True)
    with pytest.raises(InputError, match=r"was begun from the model [0-9a-f]{12}, and its source holds"):
        adapt(adapt_config(folder / "source", folder / "adapted"), resume=True)


def test_a_config_that_was_edited_is_refused_by_the_name_that_differs(folder):
    path = folder / "source" / "config.json"
    values = json.loads(path.read_text())
    values["config"]["vae"]["kl_weight"] = 2.0
    path.write_text(json.dumps(values))
    edited = train_config("vae", folder / "source", steps=4, vae=replace(TINY_VAE, kl_weight=2.0))
    with pytest.raises(InputError, match=r"saved under other settings than config.json has now: .*kl.weight"):
        train(edited, resume=True)


def test_images_that_have_changed_are_refused(tmp_path):
    from PIL import Image

    images = tmp_path / "images"
    images.mkdir()
    for number in range(10):
        Image.new("L", (16, 16), 10 * number).save(images / f"{number}.png")
    config = train_config("vae", tmp_path / "run", data=f"folder:{images}", split="all", num_images=0, steps=2)
    train(config)
    Image.new("L", (16, 16), 255).save(images / "0.png")
    with pytest.raises(InputError, match="have changed since"):
        train(config, resume=True)
