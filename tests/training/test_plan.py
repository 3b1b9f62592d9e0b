"""What a plan refuses before anything is read or written."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from text_to_image_tiny import text_config
from tiny import adapt_config, train_config

from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.conditions import column_of
from genjax.families.text_to_image.stages import segments_of, vocabulary_of
from genjax.training.plan import plan_adaptation, plan_training
from genjax.training.plan_checks import check_said


def test_a_run_inside_of_its_images_is_refused(kept_runs, tmp_path, monkeypatch):
    Image.new("L", (16, 16)).save(tmp_path / "0.png")
    monkeypatch.chdir(tmp_path)
    for data in ("folder:.", f"folder:{tmp_path}"):
        with pytest.raises(InputError, match=r"run lies in the folder of --data .* Use an --out outside of it\."):
            plan_training(train_config("vae", tmp_path / "run", data=data))
        with pytest.raises(InputError, match=r"lies in the folder of --data"):
            plan_adaptation(adapt_config(kept_runs / "vae", tmp_path / "run", data=data))
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_an_option_on_captions_is_refused_where_nothing_reads_them(kept_runs, tmp_path):
    message = r"^--captions drop does nothing for a VAE, which reads none\. Leave it out\.$"
    with pytest.raises(InputError, match=message):
        train_config("vae", tmp_path / "run", captions="drop")
    with pytest.raises(InputError, match=message):
        plan_adaptation(adapt_config(kept_runs / "vae", tmp_path / "run", captions="drop"))


def test_a_given_set_keeps_to_the_option_on_captions(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), np.uint8)
    given = Dataset("given", "train", images, captions=(*["a red seven"] * 9, "", " ", ""))
    config = text_config(tmp_path / "run")
    with pytest.raises(InputError, match="given has no caption for 3 of 12 images, the first is image 9"):
        plan_training(config, dataset=given)
    assert len(plan_training(dataclasses.replace(config, captions="drop"), dataset=given).images) == 9
    silent = dataclasses.replace(given, captions=("",) * 12)
    with pytest.raises(InputError, match=r"a vocabulary was to be made from no captions\. Use a set that has some"):
        plan_training(dataclasses.replace(config, captions="empty"), dataset=silent)
    with pytest.raises(
        InputError, match="none of the 12 images of given has a caption: nothing could be drawn of them"
    ):
        check_said(silent)
    plan = plan_training(dataclasses.replace(config, captions="empty"), dataset=given)
    columns = {stage.name: stage.columns for stage in plan.stages}
    vocabulary = vocabulary_of(plan.model)
    assert (len(plan.images), vocabulary.contents["words"]) == (12, ["a", "red", "seven"])
    ranked = np.asarray(columns["reranker"](plan.images, {})["text"])
    np.testing.assert_array_equal(ranked[9:], [vocabulary.words + np.arange(3)] * 3)
    said = column_of(plan.model.condition, plan.images)["text"]
    np.testing.assert_array_equal(said[:9], vocabulary.encode(["a red seven"] * 9))
    np.testing.assert_array_equal(said[9:], np.full((3, 3), segments_of(plan.model)[0].absent))
