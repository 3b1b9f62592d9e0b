"""Behaviour that all sources share, and the list of sources."""

import subprocess
import sys
from importlib.metadata import metadata

import numpy as np
import pytest

from genjax.data import DATASETS, Dataset, Request, Spec, captions_help, data_help, data_table, load
from genjax.data.captioned import load_captioned, require_captions
from genjax.data.sources.folder_captions import KINDS
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
        == "unknown dataset 'digit'. Did you mean 'digits'? Known: archive, cifar, digits, emoji, folder, font, fonts,"
        " glyphs, idx, letters, npz, tfds."
    )


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_what_no_set_can_answer_is_refused_before_the_set_is_looked_for(name: str) -> None:
    with pytest.raises(InputError, match=r"--size 20 is no power of two\. Use 16 or 32\."):
        load(f"{name}:nowhere", size=20)


def test_only_an_npz_keeps_its_own_size() -> None:
    assert [name for name, spec in DATASETS.items() if spec.keeps_size] == ["npz"]
    with pytest.raises(InputError, match=r"--size 0 is no power of two\. Use 8\."):
        load("digits", size=0)


def test_help_lists_every_form() -> None:
    assert data_help() == (
        "digits, digits:captioned, glyphs, glyphs:letters, glyphs:captioned, emoji, emoji:GROUP, fonts,"
        " fonts:FAMILY, fonts:FAMILY:WEIGHT, font:PATH.ttf, letters:PATH, folder:PATH,"
        " archive:PATH, idx:PATH, cifar:PATH, npz:PATH or tfds:NAME."
    )
    assert (
        captions_help() == f"digits, glyphs, emoji, fonts, a folder with captions ({KINDS}) or an archive with captions"
    )


def test_every_set_is_listed_under_its_own_name() -> None:
    assert [spec.name for spec in DATASETS.values()] == list(DATASETS)
    for spec in DATASETS.values():
        assert all(form.partition(":")[0] == spec.name for form in spec.forms)
        assert spec.summary


def test_extras_are_those_that_the_package_has() -> None:
    provided = set(metadata("genjax-images").get_all("Provides-Extra") or ())
    assert {spec.extra for spec in DATASETS.values()} - {""} <= provided


def flat_colours(argument: str, request: Request) -> Dataset:
    """A source of three images of one grey level each, with captions in the variant ``named``."""
    images = np.full((3, request.size, request.size, 1), int(argument.removeprefix("named") or 7), np.uint8)
    captions = ("a flat grey",) * 3 if argument == "named" else ()
    return Dataset(f"flat:{argument}", request.split, images, captions=captions)


def test_a_new_source_is_one_entry_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = Spec("flat", flat_colours, ("flat", "flat:LEVEL"), "three flat greys", "flat", "named", "emoji")
    monkeypatch.setitem(DATASETS, "flat", flat)
    assert np.unique(load("flat:9", size=8).images[:]).tolist() == [9]
    assert load_captioned("flat", size=8).captions == ("a flat grey",) * 3
    assert data_help().endswith("npz:PATH, tfds:NAME, flat or flat:LEVEL.")
    assert data_table().splitlines()[-1] == (
        '| `flat`, `flat:LEVEL` | three flat greys (`pip install "genjax-images[emoji]"`) |'
    )
    with pytest.raises(InputError, match=r"flat:9 has no captions\. Use digits, .* an archive with captions or flat\."):
        require_captions(load("flat:9"))
    with pytest.raises(InputError, match="Did you mean 'flat'"):
        load("flet")


def test_importing_the_room_imports_nothing_heavy() -> None:
    heavy = ("jax", "sklearn", "tensorflow_datasets", "matplotlib.pyplot")
    script = f"import sys, genjax.data; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
