"""Sets with a caption for every image, and the errors for those without."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax.data import Dataset, load
from genjax.data.captioned import captioned_spec, load_captioned, require_captions, with_captions
from genjax.errors import InputError


def test_sets_with_captions_hand_them_over() -> None:
    for spec in ("glyphs", "glyphs:captioned", "emoji"):
        dataset = load(spec, num=12)
        assert require_captions(dataset) == dataset.captions
        assert len(dataset.captions) == 12


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        (
            (),
            "x has no captions. Use digits, glyphs, emoji, fonts, a folder with captions (captions.jsonl,",
        ),
        (("a", " ", ""), "x has no caption for 2 of 3 images, the first is image 1 of its split 'train'. Write one"),
        (("a", "b"), "x has no caption for 1 of 3 images, the first is image 2 of its"),
    ],
)
def test_images_without_a_caption_are_one_clear_error(captions: tuple[str, ...], message: str) -> None:
    dataset = replace(Dataset("x", "train", np.zeros((3, 8, 8, 1), np.uint8)), captions=captions)
    with pytest.raises(InputError) as error:
        require_captions(dataset)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_captions_may_be_empty_where_that_is_asked_for() -> None:
    dataset = Dataset("x", "train", np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8, 1), captions=("a", " ", "c"))
    assert with_captions(dataset, "empty") is dataset
    dropped = with_captions(dataset, "drop")
    assert dropped.captions == ("a", "c")
    np.testing.assert_array_equal(dropped.images[:], dataset.images[np.array([0, 2])])
    with pytest.raises(InputError, match="no caption for 1 of 3 images, the first is image 1"):
        with_captions(dataset, "require")
    for captions in ("require", "drop"):
        with pytest.raises(InputError, match="x has no captions"):
            with_captions(replace(dataset, captions=("", " ", "")), captions)
    with pytest.raises(InputError, match="x has no captions"):
        with_captions(replace(dataset, captions=()), "empty")


def test_a_folder_with_a_caption_for_some_images_is_refused_when_it_is_read(tmp_path: Path) -> None:
    for name in "abc":
        Image.fromarray(np.full((8, 8), ord(name), np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "captions.jsonl").write_text('{"file": "b.png", "caption": "b"}\n')
    with pytest.raises(InputError, match=r"has no caption for 2 of 3 images, the first 'a\.png'\. Add a line for each"):
        load(f"folder:{tmp_path}", split="all")
    lines = [f'{{"file": "{name}.png", "caption": "{name}"}}' for name in "cab"]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    assert require_captions(load(f"folder:{tmp_path}", split="all")) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("spec", "loaded"),
    [
        ("glyphs", "glyphs:captioned"),
        ("digits", "digits:captioned"),
        ("glyphs:letters", "glyphs:letters"),
        ("emoji", "emoji"),
        ("folder:PATH", "folder:PATH"),
        ("nowhere", "nowhere"),
    ],
)
def test_the_name_alone_means_the_captioned_variant(spec: str, loaded: str) -> None:
    assert captioned_spec(spec) == loaded


def test_captioned_digits_are_loaded_by_their_name() -> None:
    assert load_captioned("digits", size=8, num=5).name == "digits:captioned"
    with pytest.raises(InputError, match="unknown dataset 'digit'"):
        load_captioned("digit", size=8)
