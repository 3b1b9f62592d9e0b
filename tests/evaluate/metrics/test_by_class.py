"""Metrics by class: a classifier of features, and what of a class is drawn."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate.metrics.by_class import LEAST, class_coverage, class_diversity, taught_reader


@pytest.fixture
def classes():
    """Three well separated clouds of features, and their names."""
    rng = np.random.default_rng(0)
    names = np.repeat(["a", "b", "c"], 20)
    centres = {"a": (0, 0), "b": (9, 0), "c": (0, 9)}
    return np.array([centres[name] for name in names]) + rng.normal(size=(60, 2)), names


def test_a_classifier_reads_what_it_was_taught(classes):
    features, names = classes
    read = taught_reader(features, list(names))
    np.testing.assert_array_equal(read(features + 0.1), names)
    np.testing.assert_array_equal(read(np.array([[9.0, 1.0], [1.0, 9.0], [-1.0, 0.0]])), ["b", "c", "a"])


def test_a_feature_that_never_changes_is_no_division_by_zero(classes):
    features, names = classes
    read = taught_reader(np.column_stack([features, np.ones(60)]), list(names))
    np.testing.assert_array_equal(read(np.column_stack([features, np.ones(60)])), names)


def test_units_of_features_do_not_matter(classes):
    features, names = classes
    plain, scaled = taught_reader(features, list(names)), taught_reader(1000 * features + 5, list(names))
    somewhere = np.random.default_rng(1).uniform(-3, 12, (200, 2))
    np.testing.assert_array_equal(plain(somewhere), scaled(1000 * somewhere + 5))


def test_one_class_teaches_nothing(classes):
    with pytest.raises(InputError, match="images of the class 'a' alone teach no classifier"):
        taught_reader(classes[0], ["a"] * 60)


def test_copies_cover_their_class_and_one_image_does_not():
    real = np.random.default_rng(0).normal(size=(40, 3))
    assert class_coverage(real, real + 1e-6) == 1
    assert class_coverage(real, np.repeat(real[:1], LEAST, axis=0)) < 0.5


def test_diversity_is_a_share_of_that_of_real_images():
    real = np.random.default_rng(0).normal(size=(40, 3))
    assert class_diversity(real, real + 7) == pytest.approx(1)
    assert class_diversity(real, 0.25 * real) == pytest.approx(0.25)
    assert class_diversity(real, np.ones((6, 3))) == 0
    with pytest.raises(InputError, match="the real images of a class are all alike"):
        class_diversity(np.ones((6, 3)), real)
