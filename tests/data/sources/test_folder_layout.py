"""The layout of a folder: files that count, classes, splits and captions."""

import json
from pathlib import Path

import pytest

from genjax.data.sources.folder_layout import Place, list_files, places, read_captions
from genjax.errors import InputError


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_files_are_listed_in_the_order_of_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "b/10.png", "a/9.webp", "a/notes.txt")
    assert list_files(tmp_path) == ["a/9.webp", "a/notes.txt", "b/10.png", "b/2.png"]


def test_what_is_no_image_by_custom_does_not_count(tmp_path: Path) -> None:
    touch(
        tmp_path, ".DS_Store", ".cache/x.png", "__MACOSX/x.png", "Thumbs.db", "README.md", "LICENSE", "captions.jsonl"
    )
    assert list_files(tmp_path) == []


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a.png", "set/b.png")
    (tmp_path / "set" / "cats").symlink_to(tmp_path / "photos")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    files = list_files(tmp_path / "set")
    assert "cats/a.png" in files
    assert max(path.count("/") for path in files) <= 3


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.png", "b.png"], [Place("", None)] * 2),
        (["cat/a.png", "dog/b.png"], [Place("cat", None), Place("dog", None)]),
        (["test/a.png", "train/b.png"], [Place("", True), Place("", False)]),
        (["test/cat/a.png", "train/dog/b.png"], [Place("cat", True), Place("dog", False)]),
        ([], []),
    ],
)
def test_places_say_class_and_split(paths: list[str], expected: list[Place]) -> None:
    assert places("folder:x", paths) == expected


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.png", "cat/b.png"], "images in class folders and 1 next to them, such as a.png. Put every image into"),
        (["cat/a.png", "dog/b/c.png"], "dog/b/c.png lies too deep. Put images into CLASS/"),
        (["train/a.png"], "images in train/ but none in test/. Add them, or name train/ itself."),
        (["test/a.png", "cat/a.png"], "images in test/ but none in train/"),
        (["test/a.png", "train/b.png", "c.png"], "1 images elsewhere, such as c.png. Move them"),
        (["test/a.png", "train/cat/b.png"], "1 next to them, such as test/a.png"),
    ],
)
def test_other_layouts_are_refused(paths: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        places("folder:x", paths)
    assert message in str(error.value)


def test_captions_are_read_by_file(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text(
        '{"file": "b.png", "caption": "a füchs"}\n\n{"file": "a.png", "caption": "", "by": "x"}\n', encoding="utf-8"
    )
    assert read_captions(tmp_path, "folder:x", ["a.png", "b.png"]) == {"a.png": "", "b.png": "a füchs"}
    assert read_captions(tmp_path / "none", "folder:x", ["a.png"]) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_ends_of_lines_separate_captions(end: str, tmp_path: Path) -> None:
    captions = {"a.png": "a dot\u2028red", "b.png": "a\u2029b\x85c"}
    lines = [json.dumps({"file": file, "caption": text}, ensure_ascii=False) for file, text in captions.items()]
    (tmp_path / "captions.jsonl").write_bytes(end.join([*lines, ""]).encode())
    assert read_captions(tmp_path, "folder:x", list(captions)) == captions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"file": "a.png", "caption": "x"}\n{"file":', "captions.jsonl line 2 is not of the form"),
        (b'{"file": "a.png"}', "captions.jsonl line 1 is not of the form"),
        (b'{"file": "a.png", "caption": 3}', "captions.jsonl line 1 is not of the form"),
        (b'["a.png", "x"]', "captions.jsonl line 1 is not of the form"),
        (b'{"file": "a.png", "caption": "x"}\n{"file": "a.png", "caption": "y"}', "line 2 names 'a.png' again"),
        (b'{"file": "c.png", "caption": "x"}', "no caption for 2 of 2 images, the first 'a.png'"),
        (b'{"file": "a.png", "caption": "\xff"}', "is not UTF-8"),
    ],
)
def test_captions_that_do_not_fit_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "captions.jsonl").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_captions(tmp_path, "folder:x", ["a.png", "b.png"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
