"""An .npz of images: taken as it is, and refused where it is none."""

import io
import zipfile

import numpy as np
import pytest

from genjax.data import load
from genjax.data.sources import archive_limits
from genjax.errors import InputError


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "x.npz", **arrays)
        return f"npz:{tmp_path / 'x.npz'}"

    return write


def test_images_come_back_as_they_are(save, images):
    spec = save(images=images, labels=np.arange(20) % 4)
    data = load(spec, split="all")
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.labels, np.arange(20) % 4)
    assert data.class_names == ("0", "1", "2", "3")


def test_a_fifth_is_held_out(save, images):
    spec = save(images=images)
    assert (len(load(spec, split="train")), len(load(spec, split="test"))) == (16, 4)


def test_a_single_array_needs_no_name(save, images):
    np.testing.assert_array_equal(load(save(anything=images), split="all").images, images)


def test_arrays_without_names_are_images_and_labels(save, images, tmp_path):
    np.savez(tmp_path / "x.npz", images, np.arange(20) % 4)
    data = load(f"npz:{tmp_path / 'x.npz'}", split="all")
    np.testing.assert_array_equal(data.images, images)
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, np.arange(20) % 4)


@pytest.mark.parametrize("column", [False, True])
def test_the_arrays_of_keras_are_the_splits(save, images, column):
    labels = np.arange(20).reshape(20, 1) % 5 if column else np.arange(20) % 5
    spec = save(x_train=images[:13], y_train=labels[:13], x_test=images[13:], y_test=labels[13:])
    train, test = (load(spec, split=split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, images[:13])
    np.testing.assert_array_equal(test.images, images[13:])
    assert test.labels is not None
    assert (test.labels.tolist(), test.whole) == ([3, 4, 0, 1, 2, 3, 4], 20)


def test_of_x_train_alone_a_fifth_is_held_out(save, images):
    spec = save(x_train=images, y_train=np.arange(20) % 4)
    assert [len(load(spec, split=split)) for split in ("train", "test")] == [16, 4]


def test_labels_of_objects_are_refused_and_how_to_save_them_works(save, images):
    labels = np.array([1, 2] * 10, object)
    with pytest.raises(InputError) as error:
        load(save(images=images, labels=labels))
    assert "labels=np.array(list(labels), np.int64)" in str(error.value)
    assert load(save(images=images, labels=np.array(list(labels), np.int64))).class_names == ("1", "2")


def test_other_arrays_are_not_read(save, images):
    assert len(load(save(images=images, notes=np.array([{"a": 1}], object)), split="all")) == 20


def test_grey_images_may_lack_the_last_axis(save, images):
    assert load(save(images=images[..., 0]), split="all").images.shape == (20, 16, 16, 1)


def test_colour_that_is_read_as_grey_is_said(save, images):
    assert load(save(images=images[..., :1]), channels=3, split="all").images.shape == (20, 16, 16, 3)
    repeated = save(images=np.repeat(images[..., :1], 3, axis=-1))
    assert load(repeated, channels=1, split="all").images.shape == (20, 16, 16, 1)
    mixed = np.repeat(images[..., :1], 3, axis=-1)
    mixed[:2, 3, 3, 0] ^= 255
    spec = save(images=mixed)
    with pytest.warns(UserWarning, match="2 of 20 images are in colour, and are read as grey"):
        load(spec, channels=1, split="all")


def test_size_0_keeps_images_of_any_size(save):
    odd = np.arange(2 * 28 * 30, dtype=np.uint8).reshape(2, 28, 30, 1)
    np.testing.assert_array_equal(load(save(images=odd), size=0, split="all").images, odd)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "holds no array 'images' but nothing"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, r"holds no array 'images' but \['a', 'b'\]"),
        ({"images": np.zeros((2, 16, 16, 1), np.float32)}, r"are float32 \(2, 16, 16, 1\), expected uint8"),
        ({"images": np.zeros((0, 16, 16, 1), np.uint8)}, r"expected uint8 \(n, height, width, 1 or 3\)"),
        ({"images": np.zeros((2, 28, 28, 1), np.uint8)}, r"28x28, expected 16x16. Resize them before: written as PNG"),
        (
            {"images": np.zeros((2, 32, 32, 1), np.uint8)},
            r"32x32, expected 16x16. Use --size 32, or resize",
        ),
        ({"images": np.zeros((2, 32, 48, 1), np.uint8)}, r"holds images of 32x48, expected 16x16. Resize them before"),
        ({"images": np.zeros((2, 16, 16, 1), np.uint8), "labels": np.zeros(3, int)}, "expected 2 integers from 0"),
        (
            {"images": np.array([{"a": 1}], object)},
            r"cannot be read as .npz: its array 'images' holds Python objects, .*images=np\.stack\(list\(images\)\)",
        ),
        ({"x_train": np.zeros((2, 16, 16), np.uint8), "x_test": np.zeros((2, 8, 8), np.uint8)}, "one height, width"),
        (
            {"x_train": np.zeros((1, 16, 16), np.uint8), "x_test": np.zeros((1, 16, 16), np.uint8), "y_test": [3]},
            "labels for one of x_train and x_test only",
        ),
    ],
)
def test_what_holds_no_images_is_refused(arrays, message, save):
    with pytest.raises(InputError, match=message):
        load(save(**arrays))


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip archive at all", b"PK\x03\x04" + b"\0" * 100])
def test_a_damaged_file_is_refused(content, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as .npz"):
        load(f"npz:{path}")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load(f"npz:{tmp_path / 'x.npz'}")


def test_a_bomb_is_refused_unopened(tmp_path, monkeypatch):
    """Zeros pack a thousandfold. Nothing of that size is made here."""
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 1 << 20)
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((8000, 16, 16, 1), np.uint8))
    with pytest.raises(InputError, match=r"would become 0.0 GB out of 0.0 MB, which no images do"):
        load(f"npz:{tmp_path / 'x.npz'}")


def member(shape, data, *, kind="|u1", said=None):
    """An .npz whose array says that it is of a shape that it is not."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        content = b"\x93NUMPY\x01\x00" + (said or len(head)).to_bytes(2, "little") + head + data
        archive.writestr("images.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        member("(1000000, 1000, 1000, 3)", b"few"),
        member("(2, 2, 2, 1)", bytes(9)),
        member("(-2, 2, 2, 1)", bytes(8)),
        member("(" * 60_000, b"", said=60_000),
        member("(2,)", bytes(16), kind="|O"),
        member("(2,)", bytes(16), kind="zzz"),
        member("x", b""),
        member("(__import__('os').system('true'),)", b""),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(content, tmp_path):
    """Numpy takes memory by the word of the head."""
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as .npz"):
        load(f"npz:{tmp_path / 'x.npz'}")


@pytest.mark.parametrize("label", [10, 2_000_000_000])
def test_only_labels_that_occur_are_classes(save, images, label):
    data = load(save(images=images, labels=np.where(np.arange(20) % 2, label, 1)), split="all")
    assert data.labels is not None
    assert (data.class_names, data.labels.tolist()) == (("1", str(label)), [0, 1] * 10)
