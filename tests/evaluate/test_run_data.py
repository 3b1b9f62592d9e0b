"""The images of a run are read again as the run has read them."""

import pytest
from PIL import Image
from tiny import tiny_model, train_config

from genjax.errors import InputError
from genjax.evaluate.run_data import held_out_images, load_images, training_images
from genjax.training.plan import plan_training


@pytest.fixture
def zoo(tmp_path):
    """A folder of classes two deep, one broken file in it."""
    for index in range(20):
        path = tmp_path / "zoo" / ("cats" if index % 2 else "birds") / f"kind {index % 4}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), 10 * index).save(path)
    (tmp_path / "zoo" / "text.png").write_text("no image")
    return tmp_path / "zoo"


def test_depth_and_what_is_skipped_travel_with_the_config(zoo, tmp_path):
    config = train_config(
        "vae", tmp_path / "run", data=f"folder:{zoo}", num_images=0, class_depth=2, skip_broken=True, evaluate_every=4
    )
    plan, model = plan_training(config), tiny_model("vae")
    assert plan.images.class_names == ("birds/kind 0", "birds/kind 2", "cats/kind 1", "cats/kind 3")
    with pytest.warns(UserWarning, match=r"20 images, 4 classes; left out 1 \(unknown format 1\); the first text"):
        train, held_out = training_images(config, model), held_out_images(config, model)
    for again in (train, held_out):
        assert (again.class_names, again.left_out) == (plan.images.class_names, {"text.png": "unknown format"})
    assert plan.data_hash() == train.content_hash()


def test_only_a_model_of_texts_asks_for_captions(tmp_path):
    for index in range(4):
        Image.new("L", (16, 16), 10 * index).save(tmp_path / f"{index}.png")
    (tmp_path / "1.txt").write_text("an image")
    whole = {"size": 16, "split": "all"}
    assert load_images("none", f"folder:{tmp_path}", **whole).captions == ()
    with pytest.raises(InputError, match=r"its \.txt files have no caption for 3 of 4 images, the first '0\.png'"):
        load_images("text", f"folder:{tmp_path}", **whole)
    some = load_images("text", f"folder:{tmp_path}", **whole, captions="drop", quiet=True)
    assert some.captions == ("an image",)
