"""The layout of a folder: files that count or hold captions, classes and splits."""

import os
from pathlib import Path

import pytest

from genjax.data.sources.folder_layout import Place, is_note, list_files, lone_split, places
from genjax.errors import InputError


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_files_are_listed_in_the_order_of_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/10.png", "a/9.webp", "a/notes.txt")
    touch(tmp_path, "a/d/e/f/g/1.png")
    assert list_files(tmp_path).files == ["a/9.webp", "a/d/e/f/g/1.png", "a/notes.txt", "b/10.png", "b/2.png"]


def test_what_is_no_image_by_custom_does_not_count(tmp_path: Path) -> None:
    touch(tmp_path, ".DS_Store", ".git/HEAD", "__MACOSX/._x.png", "a/Thumbs.db", "desktop.ini", "captions.jsonl")
    assert list_files(tmp_path) == ([], {}, ["captions.jsonl"])


def test_hidden_images_are_left_out_and_said(tmp_path: Path) -> None:
    touch(tmp_path, ".cache/x.png", "a/.b.JPG", "a/c.png")
    assert list_files(tmp_path) == (["a/c.png"], {".cache/x.png": "hidden", "a/.b.JPG": "hidden"}, [])


def test_a_readme_and_a_licence_are_notes() -> None:
    names = ("README.md", "a/license", "LICENCE.txt", "readme/a.png", "a.png")
    assert [is_note(name) for name in names] == [True, True, True, False, False]


def test_what_is_named_like_an_image_is_no_note() -> None:
    assert not any(is_note(name) for name in ("license_plate_1.png", "plates/readme.JPG"))


@pytest.mark.parametrize("folder", [".Trashes", "cats"])
def test_only_hidden_folders_may_be_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    touch(tmp_path, "a.png", f"{folder}/b.png")
    opened = os.scandir

    def closed(place: Path) -> object:
        if place.name == folder:
            raise PermissionError(13, "Permission denied", str(place))
        return opened(place)

    monkeypatch.setattr(os, "scandir", closed)
    if folder == "cats":
        with pytest.raises(InputError, match=r"cats cannot be opened \(Permission denied\)\. Make it readable\."):
            list_files(tmp_path)
    else:
        assert list_files(tmp_path) == (["a.png"], {}, [])


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a.png", "set/b.png")
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "photos")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "up").symlink_to(tmp_path)
    (tmp_path / "photos" / "back").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "itself").symlink_to(tmp_path / "set" / "itself")
    back = dict.fromkeys(("loop", "up", "cats/back"), "links that lead back")
    assert list_files(tmp_path / "set") == (["b.png", "cats/a.png", "itself"], back, [])


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.png", "b.png"], [Place("", None)] * 2),
        (["cat/a.png", "dog/b.png"], [Place("cat", None), Place("dog", None)]),
        (["test/a.png", "train/b.png"], [Place("", True), Place("", False)]),
        (["test/cat/a.png", "train/dog/b.png"], [Place("cat", True), Place("dog", False)]),
        (["cat/a.png", "dog/b/c.png"], [Place("cat", None), Place("dog", None)]),
        (["Training/a.png", "TEST/b.png", "Valid/c.png"], [Place("", False), Place("", True), Place("", True)]),
        (["dev/cat/x/a.png", "train/dog/b.png"], [Place("cat", True), Place("dog", False)]),
        (["train/a.png"], [Place("", None)]),
        ([], []),
    ],
)
def test_places_say_class_and_split(paths: list[str], expected: list[Place]) -> None:
    assert places("folder:x", paths) == dict(zip(paths, expected, strict=True))


@pytest.mark.parametrize(
    ("train", "test"), [("trainingSet", "testSet"), ("train_data", "dev-data"), ("TRAIN IMAGES", "val")]
)
def test_splits_may_be_called_sets_and_lie_in_a_folder_of_their_name(train: str, test: str) -> None:
    plain = places("folder:x", [f"{train}/7/a.png", f"{test}/7/b.png"])
    doubled = places("folder:x", [f"{train}/{train}/7/a.png", f"{test}/{test}/7/b.png"])
    assert list(plain.values()) == list(doubled.values()) == [Place("7", False), Place("7", True)]
    assert list(places("folder:x", [f"{train}/{train}/7/a.png"]).values()) == [Place("7", None)]


def test_a_class_may_have_the_name_of_its_split() -> None:
    assert [place.label for place in places("folder:x", ["train/train/a.png", "train/bus/b.png"]).values()] == [
        "train",
        "bus",
    ]


def test_a_lone_split_among_other_folders_is_the_set() -> None:
    paths = ["bus/a.png", "train/cat/b.png", "c.png"]
    assert places("folder:x", paths) == {"train/cat/b.png": Place("cat", None)}
    assert lone_split(paths, ["train/cat/b.png"]) == "train"
    assert lone_split(paths, paths) == ""


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.png", "cat/b.png"], "images in class folders and 1 next to them, such as a.png. Put every image into"),
        (
            ["Test/a.png", "cat/a.png"],
            "held-out images in Test/ but no folder train/ beside. Put the images to train on",
        ),
        (["val/a.png", "test/a.png"], "images in test/ and val/ but no folder train/ beside"),
        (["test/a.png", "Train/b.png", "c.png"], "has Train/ and test/, and 1 images elsewhere, such as c.png. Move"),
        (["Train/a.png", "test/b.png", "train/c.png"], "has Train/ and train/, two names of one part. Put them into"),
        (["train/a.png", "val/b.png", "validation/c.png"], "has val/ and validation/, two names of one part"),
        (["test/a.png", "train/cat/b.png"], "1 next to them, such as test/a.png"),
    ],
)
def test_other_layouts_are_refused(paths: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        places("folder:x", paths)
    assert message in str(error.value)


def test_folders_of_any_number_name_a_class() -> None:
    paths = ["animals/birds/owls/a.png", "animals/cats/b.png"]
    assert [place.label for place in places("folder:x", paths, depth=2).values()] == ["animals/birds", "animals/cats"]
    split = ["Train/animals/cats/2021/a.png", "val/animals/dogs/b.png"]
    assert list(places("folder:x", split, depth=2).values()) == [
        Place("animals/cats", False),
        Place("animals/dogs", True),
    ]


@pytest.mark.parametrize(
    ("paths", "depth", "message"),
    [
        (
            ["a/b/c.png", "a/d.png", "e.png", "f/g.png"],
            2,
            "--class-depth 2: folder:x has a/d.png (and 2 more) in fewer",
        ),
        (["a/b.png"], 3, "has a/b.png in fewer folders than that. Use --class-depth 1, or put every image 3 folders"),
        (["a.png"], 2, "has a.png in fewer folders than that. Put every image 2 folders deep, or deeper."),
        (["train/a/b.png", "test/a/b/c.png"], 2, "has train/a/b.png in fewer folders than that. Use --class-depth 1"),
    ],
)
def test_the_first_file_that_lies_in_too_few_folders_is_named(paths: list[str], depth: int, message: str) -> None:
    with pytest.raises(InputError) as error:
        places("folder:x", paths, depth=depth)
    assert message in str(error.value)
    assert places("folder:x", ["a/b.png"], depth=1) == {"a/b.png": Place("a", None)}


def test_files_of_captions_are_told_from_images(tmp_path: Path) -> None:
    named = ["captions.jsonl", "metadata.csv", "testSet/testSet/metadata.csv", "train/metadata.jsonl"]
    touch(tmp_path, *named, "train/a.png", "train/captions.jsonl", "cats/metadata.csv")
    found = list_files(tmp_path)
    assert found.captions == named
    assert found.files == ["cats/metadata.csv", "train/a.png", "train/captions.jsonl"]


def test_texts_are_captions_once_one_lies_beside_an_image(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b/c.txt", "b/README.txt", "metadata.csv", "metadata.txt")
    assert list_files(tmp_path).captions == ["metadata.csv"]
    touch(tmp_path, "a.txt")
    assert list_files(tmp_path).captions == ["a.txt", "b/c.txt", "metadata.csv", "metadata.txt"]
    touch(tmp_path, "b/README.jpg")
    assert list_files(tmp_path) == (
        ["a.png", "b/README.jpg"],
        {},
        ["a.txt", "b/README.txt", "b/c.txt", "metadata.csv", "metadata.txt"],
    )
