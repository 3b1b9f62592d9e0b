"""Datasets: parts of them, their hash, few shots, and images that are decoded when used."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.data import dataset as dataset_module
from genjax.data.dataset import Dataset, LazyImages, decoded, few_shot, indexed
from genjax.errors import InputError

CASES = settings(max_examples=40, deadline=None, derandomize=True)


def labelled(labels: list[int], classes: int) -> Dataset:
    """Images that all differ, of these classes."""
    images = np.arange(len(labels) * 12, dtype=np.uint8).reshape(-1, 2, 2, 3)
    names = tuple(str(c) for c in range(classes))
    factors = {"angle": np.arange(len(labels)) * 0.5}
    captions = tuple(f"image {i}" for i in range(len(labels)))
    return Dataset("x", "train", images, np.array(labels, np.int32), names, factors, captions)


@pytest.fixture
def lazy(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A set of 30 images that is taken for one too large for memory."""
    monkeypatch.setattr(dataset_module, "IN_MEMORY", 100)
    whole = labelled([i % 3 for i in range(30)], 3)
    return replace(whole, images=LazyImages(lambda i: np.asarray(whole.images)[i], np.arange(30), (30, 2, 2, 3)))


def test_a_part_keeps_all_that_is_known_of_its_images() -> None:
    part = labelled([0, 1, 2, 0], 3).take([3, 1])
    assert len(part) == 2
    assert part.labels is not None
    assert part.labels.tolist() == [0, 1]
    assert part.factors["angle"].tolist() == [1.5, 0.5]
    assert part.captions == ("image 3", "image 1")
    assert part.images[0].ravel()[0] == 36


def test_the_hash_is_of_pixels_shape_and_labels_alone() -> None:
    first = labelled([0, 1, 2, 0], 3)
    assert replace(first, name="y", split="test", captions=()).content_hash() == first.content_hash()
    images, labels = np.asarray(first.images), first.labels
    assert labels is not None
    changed = [
        replace(first, images=images ^ 1),
        replace(first, images=images.reshape(4, 3, 4, 1)),
        replace(first, labels=labels[::-1]),
        replace(first, labels=None),
        first.take([1, 0, 2, 3]),
    ]
    assert len({first.content_hash(), *(other.content_hash() for other in changed)}) == 6


def test_lazy_images_are_those_in_memory(lazy: Dataset) -> None:
    straight = labelled([i % 3 for i in range(30)], 3)
    assert isinstance(lazy.images, LazyImages)
    assert decoded(lazy.images) is lazy.images
    assert (lazy.images.shape, len(lazy)) == (straight.images.shape, 30)
    indices = np.array([4, 29, 4, 0])
    np.testing.assert_array_equal(lazy.images[indices], straight.images[indices])
    np.testing.assert_array_equal(lazy.images[3:5], straight.images[3:5])
    assert lazy.content_hash() == straight.content_hash()


def test_a_small_part_of_lazy_images_is_decoded_once(lazy: Dataset) -> None:
    large, small = lazy.take(np.arange(29, 1, -1)), few_shot(lazy, 3)
    assert isinstance(large.images, LazyImages)
    np.testing.assert_array_equal(large.images[np.array([0])], lazy.images[np.array([29])])
    assert isinstance(small.images, np.ndarray)


@CASES
@given(shots=st.integers(1, 30), classes=st.integers(1, 5), seed=st.integers(0, 3))
def test_shots_are_spread_over_the_classes_as_evenly_as_can_be(shots: int, classes: int, seed: int) -> None:
    full = labelled([i % classes for i in range(30 * classes)], classes)
    chosen = few_shot(full, shots, seed)
    assert chosen.labels is not None
    counts = np.bincount(chosen.labels, minlength=classes)
    assert counts.sum() == shots
    assert np.ptp(counts) <= 1
    assert len(set(chosen.captions)) == shots


def test_shots_are_chosen_by_the_seed_in_the_order_of_the_set() -> None:
    full = labelled([i % 4 for i in range(80)], 4)
    chosen = [few_shot(full, 8, seed).factors["angle"].tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] == sorted(chosen[0])
    assert chosen[0] != chosen[2]


def test_classes_are_ignored_on_demand_and_where_there_are_none() -> None:
    skewed = labelled([0] * 20 + [1], 2)
    assert len(few_shot(skewed, 10, stratify=False)) == 10
    assert len(few_shot(replace(skewed, labels=None, class_names=()), 21)) == 21


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        (0, "--shots 0 asks for no image. Use 1 or more."),
        (400, "--shots 400 is more than x has in its split 'train' (93 images). Use --shots 93 or fewer."),
        (
            50,
            '--shots 50 asks for 5 of each of 10 classes, but class "8" has 3 training images.'
            " Use --shots 39 or fewer, or --no-stratify.",
        ),
        (
            45,
            '--shots 45 asks for 4 or 5 of each of 10 classes, but class "8" has 3 training images.'
            " Use --shots 39 or fewer, or --no-stratify.",
        ),
    ],
)
def test_shots_that_are_not_there_are_refused(shots: int, message: str) -> None:
    nearly = labelled([c for c in range(10) for _ in range(3 if c == 8 else 10)], 10)
    with pytest.raises(InputError) as error:
        few_shot(nearly, shots)
    assert str(error.value) == message


@pytest.mark.parametrize("seed", range(8))
def test_what_does_not_divide_goes_to_classes_that_have_it(seed: int) -> None:
    nearly = labelled([c for c in range(10) for _ in range(3 if c == 8 else 10)], 10)
    labels = few_shot(nearly, 39, seed).labels  # as many as the message allows
    assert labels is not None
    assert np.bincount(labels).tolist() == [4] * 8 + [3, 4]
    labels = few_shot(labelled([0] * 40 + [1], 2), 3, seed).labels
    assert labels is not None
    assert labels.tolist() == [0, 0, 1]


def test_classes_are_counted_in_words() -> None:
    assert [labelled([0] * n, n).classes_in_words for n in (0, 1, 2)] == ["", "1 class", "2 classes"]


def test_labels_are_numbered_as_they_occur() -> None:
    numbers, names = indexed(np.array([10, 1, 10], np.uint8))
    assert (numbers.dtype, numbers.tolist(), names) == (np.int32, [1, 0, 1], ("1", "10"))


def test_a_class_without_images_is_not_asked_for_any() -> None:
    """A group of the emoji holds one class of seven."""
    labels = few_shot(labelled([0, 0, 2, 2, 2], 3), 4).labels
    assert labels is not None
    assert labels.tolist() == [0, 0, 2, 2]
