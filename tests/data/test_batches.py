"""The stream of images: what each step sees."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.data.batches import batch_at, batch_indices, check_batch, columns, position
from genjax.data.dataset import Dataset, LazyImages
from genjax.data.load import load
from genjax.errors import InputError

CASES = settings(max_examples=40, deadline=None, derandomize=True)


def stream(n: int, batch: int, seed: int, steps: int) -> np.ndarray:
    return np.concatenate([batch_indices(n, batch, seed, step) for step in range(steps)])


@CASES
@given(n=st.integers(1, 40), batch=st.integers(1, 60), seed=st.integers(0, 3))
def test_each_epoch_of_the_stream_is_a_permutation(n: int, batch: int, seed: int) -> None:
    indices = stream(n, batch, seed, steps=-(-3 * n // batch))
    for epoch in range(3):
        assert sorted(indices[epoch * n : (epoch + 1) * n]) == list(range(n))


@CASES
@given(n=st.integers(1, 40), share=st.integers(1, 8), hosts=st.integers(1, 4), step=st.integers(0, 50))
def test_the_shares_of_the_hosts_tile_the_batch(n: int, share: int, hosts: int, step: int) -> None:
    shares = [batch_indices(n, share * hosts, 0, step, host=host, hosts=hosts) for host in range(hosts)]
    assert {len(part) for part in shares} == {share}
    np.testing.assert_array_equal(np.concatenate(shares), batch_indices(n, share * hosts, 0, step))


@CASES
@given(n=st.integers(1, 40), batch=st.integers(1, 60), step=st.integers(0, 10**6))
def test_the_position_counts_every_image(n: int, batch: int, step: int) -> None:
    epoch, offset = position(n, batch, step)
    assert epoch * n + offset == step * batch
    assert 0 <= offset < n


def test_a_resumed_run_sees_what_a_straight_one_sees() -> None:
    straight = stream(30, 7, 5, steps=20)
    resumed = [batch_indices(30, 7, 5, step) for step in (19, 12, 13, 14, 15, 16, 17, 18)]
    np.testing.assert_array_equal(straight[12 * 7 :], np.concatenate([*resumed[1:], resumed[0]]))


def test_the_batch_is_a_different_one_with_another_seed_step_or_epoch() -> None:
    first = batch_indices(100, 50, 0, 0)
    for other in (batch_indices(100, 50, 1, 0), batch_indices(100, 50, 0, 1), batch_indices(100, 50, 0, 2)):
        assert list(first) != list(other)


def test_a_long_stream_is_not_drawn_again_from_its_start() -> None:
    assert len(batch_indices(1000, 64, 0, 10**9)) == 64


def test_who_changes_a_batch_does_not_change_the_stream() -> None:
    expected = batch_indices(10, 5, 0, 0).copy()
    batch_indices(10, 5, 0, 0)[:] = 0
    np.testing.assert_array_equal(batch_indices(10, 5, 0, 0), expected)


def test_a_batch_has_images_and_labels_where_there_are_any() -> None:
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    labels = np.arange(10, dtype=np.int32) % 3
    batch = batch_at(Dataset("x", "train", images, labels, ("a", "b", "c")), 4, 0, 3)
    assert (batch["image"].dtype, batch["label"].dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(batch["image"].ravel() % 3, batch["label"])
    assert set(batch_at(Dataset("x", "train", images), 4, 0, 3, host=1, hosts=2)) == {"image"}


def made_of_numbers(n: int = 10) -> Dataset:
    """A set whose every column holds the number of the image, and one factor of words."""
    numbers = np.arange(n)
    return Dataset(
        "x",
        "train",
        LazyImages(lambda i: np.full((2, 2, 1), i, np.uint8), numbers, (n, 2, 2, 1)),
        numbers.astype(np.int32),
        tuple(map(str, range(n))),
        {"angle": numbers / 2, "count": numbers, "bold": numbers % 2 == 0, "font": np.array(["a"] * n)},
        ("a caption",) * n,
    )


def test_the_columns_are_all_that_is_a_number() -> None:
    rows = columns(made_of_numbers())
    found = {name: (str(part.dtype), part.shape) for name, part in rows.items() if not isinstance(part, LazyImages)}
    assert found == {
        "label": ("int32", (10,)),
        "factors/angle": ("float32", (10,)),
        "factors/count": ("int32", (10,)),
        "factors/bold": ("bool", (10,)),
    }
    assert isinstance(rows["image"], LazyImages)
    assert set(columns(Dataset("x", "train", np.zeros((3, 2, 2, 1), np.uint8)))) == {"image"}


def test_the_rows_of_a_batch_are_of_one_image_in_every_column() -> None:
    dataset = made_of_numbers()
    batch = batch_at(dataset, 4, 1, 3)
    assert set(batch) == set(columns(dataset))
    numbers = batch_indices(10, 4, 1, 3)
    np.testing.assert_array_equal(batch["image"], np.broadcast_to(numbers[:, None, None, None], (4, 2, 2, 1)))
    for name, expected in (("label", numbers), ("factors/angle", numbers / 2), ("factors/bold", numbers % 2 == 0)):
        np.testing.assert_array_equal(batch[name], expected)


@pytest.mark.parametrize("spec", ["digits", "glyphs", "glyphs:captioned"])
def test_a_batch_of_a_real_set_enters_a_jitted_step(spec: str) -> None:
    batch = batch_at(load(spec, size=8, num=6), 4, 0, 0)
    out = jax.jit(lambda batch: batch)(batch)
    assert {name: part.dtype for name, part in out.items()} == {name: part.dtype for name, part in batch.items()}


def test_the_numeric_factors_of_glyphs_are_in_a_batch() -> None:
    glyphs, captioned = (columns(load(spec, size=8, num=6)) for spec in ("glyphs", "glyphs:captioned"))
    numeric = {f"factors/{name}" for name in ("angle", "x", "y")}
    assert set(glyphs) == {"image", "label", "factors/colour", "factors/size"} | numeric  # one channel: the grey level
    assert set(captioned) == {"image", "label", "factors/count", "factors/height"} | numeric


@pytest.mark.parametrize(
    ("n", "batch", "hosts", "message"),
    [
        (10, 64, 1, "--batch 64 is larger than the set (10 images). Use --batch 10 or smaller."),
        (10, 0, 1, "--batch 0 holds no image. Use --batch 1 or more."),
        (100, 10, 4, "--batch 10 does not divide among 4 hosts. Use --batch 8 or 12."),
        (100, 3, 4, "--batch 3 does not divide among 4 hosts. Use --batch 4."),
    ],
)
def test_a_batch_that_cannot_be_fed_is_refused(n: int, batch: int, hosts: int, message: str) -> None:
    with pytest.raises(InputError) as error:
        check_batch(n, batch, hosts)
    assert str(error.value) == message


def test_a_batch_that_can_be_fed_is_not() -> None:
    check_batch(8, 8, 4)
    with pytest.raises(InputError, match="does not divide"):
        batch_indices(100, 10, 0, 0, hosts=4)
