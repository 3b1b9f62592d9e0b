"""Sets that tensorflow-datasets has prepared; here a small one, prepared without TensorFlow."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genjax.data import LazyImages, load
from genjax.data import dataset as dataset_module
from genjax.data.images import fit
from genjax.errors import InputError

tfds = pytest.importorskip("tensorflow_datasets")


def encoded(pixels: np.ndarray) -> io.BytesIO:
    """A PNG file: written from bytes, since tfds itself would call TensorFlow to encode an array."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    stream.seek(0)
    return stream


class Shades(tfds.core.GeneratorBasedBuilder):
    """Colour images in files of several sizes, 30 and 10 held out; image i is of label i % 2 and level 6i."""

    VERSION = tfds.core.Version("1.2.0")

    def _info(self) -> Any:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=["dark", "light"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(30), "test": self._generate_examples(10)}

    def _generate_examples(self, n: int) -> Any:
        for i in range(n):
            yield i, {"image": encoded(np.full((20 + i, 30, 3), 6 * i, np.uint8)), "label": i % 2}


class Tensors(Shades):
    """Grey images as plain tensors, without labels and with nothing held out."""

    def _info(self) -> Any:
        features = {"image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8)}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(10)}

    def _generate_examples(self, n: int) -> Any:
        for i in range(n):
            yield i, {"image": np.full((8, 8, 1), 6 * i, np.uint8)}


class Sounds(Tensors):
    """Nothing to look at."""

    def _info(self) -> Any:
        features = {"audio": tfds.features.Tensor(shape=(8,), dtype=np.float32)}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self, n: int) -> Any:
        for i in range(n):
            yield i, {"audio": np.zeros(8, np.float32)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all three are prepared in."""
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    for builder in (Shades, Tensors, Sounds):
        builder(data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


@pytest.fixture
def copied(prepared: Path, tmp_path: Path) -> Path:
    """A folder with a copy of one set, to be damaged."""
    shutil.copytree(prepared / "shades", tmp_path / "shades")
    return tmp_path


def test_images_and_labels_come_as_they_were_stored(prepared: Path) -> None:
    train, test, both = (load("tfds:shades", split=split, root=prepared) for split in ("train", "test", "all"))
    assert (train.images.shape, len(test), len(both)) == ((30, 16, 16, 3), 10, 40)
    assert train.class_names == ("dark", "light")
    assert train.labels is not None
    assert train.labels.dtype == np.int32
    levels = train.images[:, 8, 8, 0]
    assert sorted(levels) == [6 * i for i in range(30)]
    np.testing.assert_array_equal(train.labels, levels // 6 % 2)
    np.testing.assert_array_equal(both.images[30:], test.images)


def test_nothing_of_tensorflow_is_imported(prepared: Path) -> None:
    load("tfds:shades", root=prepared)
    assert "tensorflow" not in sys.modules


def test_images_are_resized_by_the_one_rule_and_can_be_turned_grey(prepared: Path) -> None:
    with pytest.warns(UserWarning, match="tfds:shades: 5 of 5 images are in colour, and are read as grey"):
        grey = load("tfds:shades", root=prepared, channels=1, size=8, num=5)
    assert grey.images.shape == (5, 8, 8, 1)
    level = int(grey.images[0, 0, 0, 0])
    np.testing.assert_array_equal(grey.images[0], fit(np.full((20, 30, 3), level, np.uint8), 8, 1))


def test_plain_tensors_without_labels_are_images_too(prepared: Path) -> None:
    train, test = (load("tfds:tensors", split=split, root=prepared) for split in ("train", "test"))
    assert (train.images.shape, len(test)) == ((8, 16, 16, 1), 2)
    assert (train.labels, train.class_names) == (None, ())


def test_the_usual_folder_is_that_of_the_environment(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert len(load("tfds:shades:1.2.0", size=8)) == 30


def test_a_set_too_large_for_memory_is_decoded_when_used(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load("tfds:shades", split="all", root=prepared)
    monkeypatch.setattr(dataset_module, "IN_MEMORY", 1000)
    lazy = load("tfds:shades", split="all", root=prepared)
    assert isinstance(lazy.images, LazyImages)
    assert lazy.content_hash() == whole.content_hash()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tfds:mnist", "is not prepared in"),
        ("tfds:mnist", "tfds build mnist --file_format=array_record; then set TFDS_DATA_DIR"),
        ("tfds:shades:3.0.0", "is not prepared in"),
        ("tfds:", "names no set. Expected tfds:NAME"),
        ("tfds:../x", "names no set. Expected tfds:NAME"),
        ("tfds:sounds", "has no feature 'image' of uint8 (height, width, channels); it has audio."),
    ],
)
def test_sets_that_are_not_there_are_refused_at_once(prepared: Path, spec: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load(spec, root=prepared)
    assert message in str(error.value)


def test_without_the_extra_it_says_how_to_install_it(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r'Install it: pip install "genjax-images\[tfds\]"'):
        load("tfds:shades", root=prepared)


def test_the_newest_version_and_the_named_config_are_taken(copied: Path) -> None:
    newest = copied / "shades" / "1.10.0"
    shutil.copytree(copied / "shades" / "1.2.0", newest)
    (newest / "dataset_info.json").write_text("{}")
    with pytest.raises(InputError, match=r"was prepared as tfrecord, which needs TensorFlow"):
        load("tfds:shades", root=copied)
    for config in ("blue", "red"):
        shutil.copytree(copied / "shades" / "1.2.0", copied / "two" / config / "1.2.0")
    with pytest.raises(InputError, match=r"several configs: blue, red. Name one, such as tfds:two/blue."):
        load("tfds:two", root=copied)


def damage(folder: Path, how: str) -> None:
    info, shard = folder / "dataset_info.json", folder / "shades-train.array_record-00000-of-00001"
    if how == "no shard":
        shard.unlink()
    elif how == "cut shard":
        shard.write_bytes(shard.read_bytes()[:2000])
    elif how == "no features":
        (folder / "features.json").unlink()
    elif how == "no train":
        content = json.loads(info.read_text())
        info.write_text(json.dumps(content | {"splits": content["splits"][1:]}))
    else:
        info.write_text("{")


@pytest.mark.parametrize("how", ["no shard", "cut shard", "no features", "no train", "no json"])
def test_damaged_sets_are_refused(copied: Path, how: str) -> None:
    damage(copied / "shades" / "1.2.0", how)
    with pytest.raises(InputError, match=r"Prepare the set again|Name another set") as error:
        load("tfds:shades", root=copied)
    assert "\n" not in str(error.value)
