"""Records by class: of all classes and of each, with what is left out."""

import numpy as np
import pytest

from genjax.config import ModelConfig
from genjax.data import Dataset
from genjax.errors import InputError
from genjax.evaluate.class_records import Labelled, check_by_class, class_records, labelled
from genjax.evaluate.features.extractor import Extractor
from genjax.evaluate.metrics.by_class import LEAST, SUMMARIES
from genjax.families.model import Condition

# Two features: mean brightness above and below.
HALVES = Extractor(
    "halves", "1", "0" * 64, 2, 4, "none", lambda images: images.mean(axis=(2, 3)).reshape(-1, 2, 2).mean(2)
)
NAMES = ("above", "below")
ABOUT = {"data": "made", "split": "test", "seed": 0}


def drawn(classes, seed=0):
    """Images that are bright above or below, as their class says."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (len(classes), 4, 4, 3))
    for image, name in zip(images, classes, strict=True):
        image[slice(0, 2) if name == "above" else slice(2, 4)] += 150
    return images.astype(np.uint8)


def sides(asked, made):
    """Real images, generated ones that were asked for as `asked` and are as `made`, and images that teach."""
    real, taught = ["above", "below"] * 8, ["below", "above"] * 10
    return (
        Labelled(drawn(real), np.asarray(real, object)),
        Labelled(drawn(made, 1), np.asarray(asked, object)),
        Labelled(drawn(taught, 2), np.asarray(taught, object)),
    )


def measured(asked, made, metrics=tuple(SUMMARIES)):
    found = class_records(*sides(asked, made), extractor=HALVES, metrics=metrics, **ABOUT)
    return {record.name: record for record in found}


def test_all_that_was_asked_for_is_right():
    asked = ["above"] * 8 + ["below"] * 8
    found = measured(asked, asked)
    assert list(found) == [f"{metric}[halves]{of}" for metric in SUMMARIES for of in ("", " of above", " of below")]
    assert found["class_accuracy[halves]"].value == 1
    assert found["class_accuracy[halves] of below"].n_fake == found["class_accuracy[halves] of below"].n_real == 8
    assert "ridge classifier of 20 real images, right of 1.000" in found["class_accuracy[halves]"].method


def test_what_is_another_class_counts_against_the_one_that_was_asked_for():
    found = measured(["above"] * 8 + ["below"] * 8, ["above"] * 8 + ["above"] * 6 + ["below"] * 2, ("class_accuracy",))
    assert found["class_accuracy[halves] of above"].value == 1
    assert found["class_accuracy[halves] of below"].value == 2 / 8
    assert found["class_accuracy[halves]"].value == 10 / 16
    interval = found["class_accuracy[halves]"].interval
    assert interval is not None
    assert interval[0] < 10 / 16 < interval[1]


def test_the_whole_is_the_mean_of_classes():
    found = measured(["above"] * 12 + ["below"] * 6, ["above"] * 12 + ["below"] * 6)
    for metric in ("class_coverage", "class_diversity"):
        each = [found[f"{metric}[halves] of {name}"].value for name in NAMES]
        assert found[f"{metric}[halves]"].value == pytest.approx(np.mean(each))


def test_classes_with_few_images_are_left_out_aloud(capsys):
    few = LEAST - 1
    found = measured(["above"] * 9 + ["below"] * few, ["above"] * 9 + ["below"] * few)
    assert "class_coverage[halves] of below" not in found
    assert "class_accuracy[halves] of below" in found
    assert f"left out 1 classes with fewer than {LEAST} images (below)" in capsys.readouterr().err
    with pytest.raises(InputError, match=f"class_coverage needs {LEAST} or more real and generated images of a class"):
        measured(["above"] * few, ["above"] * few)


def test_images_of_other_classes_are_not_compared():
    dataset = Dataset(
        "made", "test", drawn(["above"] * 4), labels=np.array([0, 1, 2, 0]), class_names=("x", "above", "y")
    )
    found = labelled(dataset, NAMES)
    np.testing.assert_array_equal(found.images, dataset.images[1:2])
    assert list(found.classes) == ["above"]
    with pytest.raises(InputError, match=r"made has no image of the model's classes \(z\)"):
        labelled(dataset, ("z",))
    with pytest.raises(InputError, match="made has no image"):
        labelled(Dataset("made", "test", drawn(["above"])), NAMES)


def test_what_has_no_classes_is_refused():
    model = ModelConfig("flow", 16, 1, "float32", 8, None)
    check_by_class([], None, split="all")
    for other in (None, model):
        with pytest.raises(InputError, match="class_accuracy need a model of classes, which --condition class trains"):
            check_by_class(["class_accuracy"], other, split="test")


def test_what_taught_the_classifier_does_not_judge_by_it():
    model = ModelConfig("flow", 16, 1, "float32", 8, None, Condition("class", NAMES))
    check_by_class(["class_accuracy"], model, split="test")
    check_by_class(["class_coverage"], model, split="all")
    with pytest.raises(InputError, match="needs images that did not teach its classifier, and --split all has those"):
        check_by_class(["class_coverage", "class_accuracy"], model, split="all")
    with pytest.raises(InputError, match=r"need real images, and the real side is a run\. Name a set"):
        check_by_class(["class_coverage"], model, split="")
