"""Files in the format of MNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from genjax.data import load
from genjax.data.sources import archive_limits
from genjax.data.sources.idx import read_idx
from genjax.errors import InputError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def encode(values: np.ndarray, *, kind: int = 8) -> bytes:
    """An idx file, after its description: magic number, extents in big-endian order, values."""
    head = bytes([0, 0, kind, values.ndim])
    return head + b"".join(extent.to_bytes(4, "big") for extent in values.shape) + values.astype(np.uint8).tobytes()


def arrays(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 10


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A folder of 30 images to train on and 20 held out."""
    contents = [values for n, seed in ((30, 0), (20, 1)) for values in arrays(n, seed)]
    for name, values in zip(NAMES, contents, strict=True):
        (tmp_path / name).write_bytes(encode(values))
    return tmp_path


def test_values_survive_the_way_to_a_file_and_back(tmp_path: Path) -> None:
    images, labels = arrays(5, 0)
    (tmp_path / "a").write_bytes(encode(images))
    (tmp_path / "b").write_bytes(gzip.compress(encode(labels)))
    np.testing.assert_array_equal(read_idx(tmp_path / "a", dimensions=3), images)
    np.testing.assert_array_equal(read_idx(tmp_path / "b", dimensions=1), labels)


def test_the_files_are_the_splits(mnist: Path) -> None:
    train, test, both = (load(f"idx:{mnist}", size=32, split=split) for split in ("train", "test", "all"))
    assert (train.images.shape, len(test), len(both)) == ((30, 32, 32, 1), 20, 50)
    assert train.labels is not None
    assert (train.labels.dtype, train.labels.tolist()) == (np.int32, [*range(10)] * 3)
    assert train.class_names == tuple("0123456789")
    np.testing.assert_array_equal(both.images[30:], test.images)


def test_compressed_files_and_dots_in_names_are_as_good(mnist: Path, tmp_path: Path) -> None:
    plain = load(f"idx:{mnist}").content_hash()
    for name in NAMES:
        content = (mnist / name).read_bytes()
        (mnist / name).unlink()
        (mnist / f"{name.replace('-idx', '.idx')}.gz").write_bytes(gzip.compress(content))
    assert load(f"idx:{mnist}").content_hash() == plain


def test_files_in_folders_of_their_own_name_are_found(mnist: Path) -> None:
    plain = load(f"idx:{mnist}", split="all").content_hash()
    for name in NAMES:
        content = (mnist / name).read_bytes()
        (mnist / name).unlink()
        (mnist / name).mkdir()
        (mnist / name / name).write_bytes(content)
    assert load(f"idx:{mnist}", split="all").content_hash() == plain


def test_only_labels_that_occur_are_classes(mnist: Path) -> None:
    for name, n in ((NAMES[1], 30), (NAMES[3], 20)):
        (mnist / name).write_bytes(encode(np.where(np.arange(n) % 2, 10, 1)))
    data = load(f"idx:{mnist}", split="test")
    assert data.labels is not None
    assert (data.class_names, data.labels.tolist()) == (("1", "10"), [0, 1] * 10)


def test_one_file_has_no_labels_and_a_fifth_held_out(mnist: Path) -> None:
    train, test = (load(f"idx:{mnist / NAMES[0]}", split=split, channels=3) for split in ("train", "test"))
    assert (train.images.shape, len(test), train.labels, train.class_names) == ((24, 16, 16, 3), 6, None, ())


def test_training_files_alone_hold_nothing_out(mnist: Path) -> None:
    for name in NAMES[2:]:
        (mnist / name).unlink()
    assert len(load(f"idx:{mnist}")) == 30
    with pytest.raises(InputError, match=r"no image in its split 'test' \(30 in all\)"):
        load(f"idx:{mnist}", split="test")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[0], encode(arrays(30, 0)[0])[:-1], "states 30 x 28 x 28 values and holds 23519: cut off or damaged"),
        (NAMES[0], encode(arrays(30, 0)[0]) + b"x", "holds 23521: cut off or damaged"),
        (NAMES[0], encode(arrays(30, 0)[0])[:9], "cut off or damaged"),
        (NAMES[0], b"", "begins with nothing, expected 00000803 for idx images"),
        (NAMES[0], b"\x89PNG", "begins with 89504e47, expected 00000803 for idx images"),
        (NAMES[0], encode(arrays(30, 0)[0], kind=13), "begins with 00000d03"),
        (NAMES[0], encode(arrays(30, 0)[1]), "begins with 00000801, expected 00000803"),
        (NAMES[1], encode(arrays(30, 0)[0]), "begins with 00000803, expected 00000801 for idx labels"),
        (NAMES[1], encode(arrays(29, 0)[1]), "has 29 labels for 30 images"),
        (NAMES[2], encode(np.zeros((20, 8, 8))), "differ in size"),
        (NAMES[0], gzip.compress(encode(arrays(30, 0)[0]))[:-900], "cannot be read"),
        (NAMES[0], gzip.compress(encode(arrays(30, 0)[0]))[:99] + b"?" * 99, "cannot be read"),
    ],
)
def test_damaged_files_are_refused(mnist: Path, name: str, content: bytes, message: str) -> None:
    (mnist / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        load(f"idx:{mnist}")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_there_are_named(mnist: Path, tmp_path: Path) -> None:
    (mnist / NAMES[3]).unlink()
    with pytest.raises(InputError, match=r"has t10k-images-idx3-ubyte without its labels"):
        load(f"idx:{mnist}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no train-images-idx3-ubyte \(or \.gz\) in it"):
        load(f"idx:{tmp_path / 'empty'}")
    for spec in (f"idx:{tmp_path / 'nowhere'}", "idx:", "idx"):
        with pytest.raises(InputError, match=r"does not exist\. Name a folder of idx files"):
            load(spec)


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_limits, "ALWAYS_ALLOWED", 1 << 20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(encode(np.zeros((3000, 28, 28), np.uint8))))
    with pytest.raises(InputError, match="which no images do"):
        load(f"idx:{tmp_path / 'a.gz'}")
