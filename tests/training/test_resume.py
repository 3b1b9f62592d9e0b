"""A run that is resumed goes on as it was begun, or not at all."""

import json
from dataclasses import replace

import pytest
from PIL import Image
from tiny import TINY_VAE, adapt_config, train_config

from genjax.config.run import config_to_json
from genjax.errors import InputError
from genjax.evaluate.run_data import found_images
from genjax.store.run_config import saved_data
from genjax.store.run_folder import RunFolder, begin
from genjax.training.loop import adapt, train
from genjax.training.plan import described, plan_adaptation, plan_training


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
    images = tmp_path / "images"
    images.mkdir()
    for number in range(10):
        Image.new("L", (16, 16), 10 * number).save(images / f"{number}.png")
    config = train_config("vae", tmp_path / "run", data=f"folder:{images}", split="all", num_images=0, steps=2)
    train(config)
    config_file = tmp_path / "run" / "config.json"
    assert json.loads(config_file.read_text())["images"] == 10
    Image.new("L", (16, 16), 255).save(images / "0.png")
    with pytest.raises(InputError, match=r"have changed since .*run was begun \(10 images, not all of them the same\)"):
        train(config, resume=True)
    Image.new("L", (16, 16), 255).save(images / "10.png")
    with pytest.raises(InputError, match=r"\(10 images then, 11 now\)"):
        train(config, resume=True)


def test_a_run_goes_on_where_its_images_lie_now(tmp_path, monkeypatch):
    """Another spelling, another folder and another working directory: the hash of the images decides."""
    for number in range(10):
        save_image(tmp_path / "images" / f"{number}.png", number)
    monkeypatch.chdir(tmp_path)
    config = train_config(
        "vae", tmp_path / "run", data="folder:images", num_images=0, steps=2, evaluate_every=0, batch=8
    )
    train(config)
    assert int(train(replace(config, data="folder:./images", steps=3), resume=True).state.step) == 3
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=rf"images does not exist \(looked for {tmp_path}/elsewhere/images\)"):
        train(replace(config, steps=4), resume=True)
    moved = f"folder:{tmp_path / 'images'}"
    assert int(train(replace(config, data=moved, steps=4), resume=True).state.step) == 4
    assert saved_data(RunFolder(tmp_path / "run")) == moved
    for number in range(10):  # whichever are held out, which a run may go on without
        save_image(tmp_path / "images" / f"{number}.png", 20 - number)
    with pytest.raises(InputError, match="have changed since"):
        train(replace(config, data="folder:../images", steps=4), resume=True)
    assert saved_data(RunFolder(tmp_path / "run")) == moved


def test_a_run_is_judged_where_its_training_images_lie_now(tmp_path):
    for number in range(10):
        save_image(tmp_path / "images" / f"{number}.png", number)
    config = train_config("vae", tmp_path / "run", data=f"folder:{tmp_path}/images", num_images=0, evaluate_every=0)
    begin(RunFolder(config.out), described(plan := plan_training(config), plan.data_hash()), force=False)
    (tmp_path / "images").rename(tmp_path / "moved")
    found = found_images(config.out, plan.model, elsewhere=f"folder:{tmp_path}/moved")
    assert found.content_hash() == plan.images.content_hash()
    for number in range(10):
        save_image(tmp_path / "moved" / f"{number}.png", 20 - number)
    with pytest.raises(InputError, match="images does not exist"):
        found_images(config.out, plan.model, elsewhere=f"folder:{tmp_path}/moved")


def test_a_resumed_adaptation_says_that_its_source_was_moved(kept_runs, tmp_path):
    config = adapt_config(tmp_path / "gone", tmp_path / "run")
    begin(RunFolder(config.out), {"kind": "adapt", "config": config_to_json(config)}, force=False)
    with pytest.raises(InputError, match=r"gone, is not there\. Say where it lies now with --source"):
        plan_adaptation(config, resume=True)


def save_image(path, number):
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (16, 16), 10 * number).save(path)
