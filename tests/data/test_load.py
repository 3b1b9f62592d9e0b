"""What all sources have in common."""

import subprocess
import sys

import numpy as np
import pytest

from genjax.data import DATASETS, load
from genjax.errors import InputError


@pytest.mark.parametrize("spec", ["digits", "glyphs", "glyphs:letters"])
@pytest.mark.parametrize(("channels", "expected"), [(0, 1), (1, 1), (3, 3)])
@pytest.mark.parametrize("size", [16, 32])
def test_images_have_the_size_and_channels_asked_for(spec: str, channels: int, expected: int, size: int) -> None:
    dataset = load(spec, size=size, channels=channels, num=12)
    images = np.asarray(dataset.images)
    assert (images.shape, images.dtype) == ((12, size, size, expected), np.uint8)
    assert (dataset.name, dataset.split, len(dataset)) == (spec, "train", 12)
    assert dataset.labels is not None
    assert (dataset.labels.shape, dataset.labels.dtype) == ((12,), np.int32)
    assert load(spec, size=size, channels=channels, num=12).content_hash() == dataset.content_hash()


def test_an_unknown_source_says_which_there_are() -> None:
    with pytest.raises(InputError) as error:
        load("digit")
    assert (
        str(error.value)
        == "unknown dataset 'digit'. Did you mean 'digits'? Known: digits, emoji, folder, glyphs, idx, npz, tfds."
    )


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_what_no_set_can_answer_is_refused_before_the_set_is_looked_for(name: str) -> None:
    with pytest.raises(InputError, match=r"--size 20 is no power of two\. Use 16 or 32\."):
        load(f"{name}:nowhere", size=20)


def test_importing_the_room_imports_nothing_heavy() -> None:
    heavy = ("jax", "sklearn", "tensorflow_datasets", "matplotlib.pyplot")
    script = f"import sys, genjax.data; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
