"""CIFAR-10 and CIFAR-100 in their binary edition, as their page describes it."""

import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genjax.data import load
from genjax.errors import InputError

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def records(labels: list[tuple[int, ...]], seed: int) -> tuple[np.ndarray, bytes]:
    """Images, and a file of them: labels, then a plane of red, one of green and one of blue."""
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
    rows = [
        bytes(label) + b"".join(image[:, :, channel].tobytes() for channel in range(3))
        for label, image in zip(labels, images, strict=True)
    ]
    return images, b"".join(rows)


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    """Two batches of ten images to train on, and one held out."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number, file in enumerate(("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")):
        (folder / file).write_bytes(records([(label,) for label in range(10)], number)[1])
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    (folder / "readme.html").write_text("<html>")
    return folder


def packed(folder: Path) -> Path:
    path = folder.parent / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def test_the_files_are_the_splits(cifar10: Path) -> None:
    train, test, both = (load(f"cifar:{cifar10}", size=32, split=split) for split in ("train", "test", "all"))
    np.testing.assert_array_equal(train.images[:10], records([(0,)] * 10, 0)[0])
    np.testing.assert_array_equal(train.images[10:], records([(0,)] * 10, 1)[0])
    np.testing.assert_array_equal(test.images, records([(0,)] * 10, 2)[0])
    assert (len(both), both.whole, both.class_names) == (30, 30, NAMES)
    assert both.labels is not None
    assert both.labels.tolist() == [*range(10)] * 3


def test_the_archive_and_the_folder_around_are_as_good(cifar10: Path) -> None:
    whole = load(f"cifar:{cifar10}", split="all")
    for place in (packed(cifar10), cifar10.parent):
        found = load(f"cifar:{place}", split="all")
        assert (found.content_hash(), found.class_names) == (whole.content_hash(), whole.class_names)


def test_the_classes_of_cifar_100_are_the_fine_ones(tmp_path: Path) -> None:
    images, content = records([(19, 11), (29, 0), (19, 11)], 0)
    (tmp_path / "train.bin").write_bytes(content)
    (tmp_path / "test.bin").write_bytes(content[: 2 * 3074])
    found = load(f"cifar:{tmp_path}", size=32)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels is not None
    assert (found.labels.tolist(), found.class_names) == ([1, 0, 1], ("0", "11"))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"class{number}" for number in range(100)))
    assert load(f"cifar:{tmp_path}").class_names == ("class0", "class11")


def test_a_fifth_of_a_single_file_is_held_out(cifar10: Path) -> None:
    spec = f"cifar:{cifar10 / 'data_batch_1.bin'}"
    assert [len(load(spec, split=split)) for split in ("train", "test")] == [8, 2]


def test_images_are_brought_to_size_and_grey(cifar10: Path) -> None:
    with pytest.warns(UserWarning, match="20 of 20 images are in colour"):
        assert load(f"cifar:{cifar10}", size=16, channels=1).images.shape == (20, 16, 16, 1)


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("file", "edition"), [("data_batch_1", "cifar-10-binary.tar.gz"), ("train", "cifar-100-binary.tar.gz")]
)
def test_the_python_edition_is_refused_unopened(tmp_path: Path, file: str, edition: str) -> None:
    folder = tmp_path / "py"
    folder.mkdir()
    (folder / file).write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    for place in (folder, folder / file, packed(folder)):
        with pytest.raises(
            InputError, match=f"is the Python edition, .* Fetch the binary edition, {edition}, and name"
        ):
            load(f"cifar:{place}")
    assert not (tmp_path / "ran").exists()


def test_files_that_are_cut_off_are_refused(cifar10: Path) -> None:
    for content in ((cifar10 / "data_batch_2.bin").read_bytes()[:-1], b""):
        (cifar10 / "data_batch_2.bin").write_bytes(content)
        size = f"{len(content):,}"
        with pytest.raises(
            InputError, match=rf"data_batch_2\.bin has {size} bytes, expected a multiple of 3,073 \(label"
        ):
            load(f"cifar:{cifar10}")


def test_a_damaged_archive_is_named_with_what_to_do(cifar10: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cifar.zip", "w") as made:
        for file in cifar10.iterdir():
            made.write(file, file.name)
    content = bytearray((tmp_path / "cifar.zip").read_bytes())
    content[content.index(b"data_batch_2.bin") + 100] ^= 1
    (tmp_path / "cifar.zip").write_bytes(content)
    with pytest.raises(InputError, match=r": data_batch_2\.bin cannot be read \(cut off or damaged\)\. Fetch it"):
        load(f"cifar:{tmp_path / 'cifar.zip'}")


def test_labels_without_a_name_are_refused(cifar10: Path) -> None:
    (cifar10 / "batches.meta.txt").write_text("\n".join(NAMES[:5]))
    with pytest.raises(InputError, match=r"has images of class 9, and batches\.meta\.txt names 5: cut off or damaged"):
        load(f"cifar:{cifar10}")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for spec in ("cifar", f"cifar:{tmp_path / 'nowhere'}"):
        with pytest.raises(InputError, match=r"does not exist\. Name cifar-10-binary\.tar\.gz or cifar-100-binary"):
            load(spec)
    with pytest.raises(InputError, match=r"has no data_batch_1\.bin and no train\.bin in it\. Name cifar"):
        load(f"cifar:{tmp_path}")
