"""The captions of a folder, in the forms in which tools leave them."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from genjax.data.files import open_file
from genjax.data.sources.folder_captions import (
    Captions,
    foreign_lines,
    missing_error,
    missing_line,
    read_captions,
    without_caption,
)
from genjax.errors import InputError


def read(root: Path, *paths: str, others: Sequence[str] = ()) -> Captions:
    """The captions of these images in a folder that has nothing but files of captions."""
    files = [str(file.relative_to(root)) for file in root.rglob("*") if not file.is_dir()]
    return read_captions(lambda file: open_file(root / file), "folder:x", paths, files, others=others)


def write(root: Path, **files: str | bytes) -> None:
    """Files whose dots are written as __."""
    for name, content in files.items():
        path = root / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_lines_name_files_and_captions(tmp_path: Path) -> None:
    write(
        tmp_path,
        captions__jsonl='{"file": "b.png", "caption": "a füchs"}\n\n{"file": "a.png", "caption": "", "by": "x"}\n',
    )
    assert read(tmp_path, "a.png", "b.png") == ({"b.png": "a füchs", "a.png": ""}, "captions.jsonl", {})
    assert read_captions(lambda file: open_file(tmp_path / file), "folder:x", ["a.png"], []) == ({}, "", {})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_ends_of_lines_separate_captions(end: str, tmp_path: Path) -> None:
    captions = {"a.png": "a dot\u2028red", "b.png": "a\u2029b\x85c"}
    lines = [json.dumps({"file_name": file, "text": text}, ensure_ascii=False) for file, text in captions.items()]
    write(tmp_path, metadata__jsonl=end.join([*lines, ""]))
    assert read(tmp_path, *captions).texts == captions


def test_an_entry_may_spell_its_file_otherwise(tmp_path: Path) -> None:
    lines = ['{"file": ".\\\\a\\\\b.png", "caption": "x"}', '{"file": "./cafe\u0301.png", "caption": "y"}']
    write(tmp_path, captions__jsonl="\n".join(lines))
    assert read(tmp_path, "a/b.png", "caf\u00e9.png").texts == {"a/b.png": "x", "caf\u00e9.png": "y"}


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_as_the_csv_module_and_spreadsheets_write_it(mark: str, end: str, tmp_path: Path) -> None:
    captions = {"a.png": 'a "red" fox, asleep', "b/c.png": "two\nlines", "d.png": " ünïcode "}
    with (tmp_path / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        table = csv.writer(file, lineterminator=end)
        table.writerow(["label", "file_name", "text"])
        table.writerows([["7", *pair] for pair in captions.items()])
        file.write(end)
    assert read(tmp_path, *captions).texts == captions


def test_metadata_of_splits_name_files_beside_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        train_in_metadata__csv="file_name,text\ncats/a.png,a cat\n",
        test_in_metadata__csv="file_name,text\nb.png,a dog\n",
        metadata__csv="file_name,text\ntrain/c.png,a cow\n",
    )
    found = read(tmp_path, "train/cats/a.png", "test/b.png", "train/c.png")
    assert found.texts == {"train/cats/a.png": "a cat", "test/b.png": "a dog", "train/c.png": "a cow"}
    assert (found.kind, found.foreign) == ("metadata.csv", {})


def test_the_whole_of_a_text_beside_an_image_is_its_caption(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__txt=b"\xef\xbb\xbf  a red fox,\r\nasleep \n\n in snow\n",
        cats_in_b__txt="a  cat",
    )
    (tmp_path / "cafe\u0301.txt").write_text("coffee")
    found = read(tmp_path, "a.png", "a.jpg", "cats/b.webp", "caf\u00e9.gif", "d.png")
    fox = "a red fox, asleep in snow"
    assert found.texts == {"a.png": fox, "a.jpg": fox, "cats/b.webp": "a  cat", "caf\u00e9.gif": "coffee"}
    assert without_caption(["a.png", "d.png"], found) == ["d.png"]


@pytest.mark.parametrize(
    ("files", "missing", "foreign"),
    [
        (
            {"captions__jsonl": '{"file": "c.png", "caption": "x"}\n{"file": "b.png", "caption": " "}'},
            "captions.jsonl has no caption for 2 of 2 images, the first 'a.png', and 1 line that fits no file, the"
            " first 'c.png'. Add a line for each.",
            "captions.jsonl has 1 line that fits no file, the first 'c.png'",
        ),
        (
            {"metadata__csv": "file_name,text\nb.png,x\nd.png,y\nc.png,z\n"},
            "metadata.csv has no caption for 1 of 2 images, the first 'a.png', and 2 lines that fit no file, the first"
            " 'd.png'. Add a line for each, or leave these images out with --captions drop.",
            "metadata.csv has 2 lines that fit no file, the first 'd.png'",
        ),
        (
            {"b__txt": "x", "c__txt": "y"},
            "its .txt files have no caption for 1 of 2 images, the first 'a.png', and 1 that fits no image, the first"
            " 'c.txt'. Write a .txt beside each, or leave these images out with --captions drop.",
            "its .txt files have 1 that fits no image, the first 'c.txt'",
        ),
    ],
)
def test_images_and_captions_that_do_not_fit_are_counted(
    files: dict[str, str], missing: str, foreign: str, tmp_path: Path
) -> None:
    write(tmp_path, **files)
    paths = ["a.png", "b.png"]
    found = read(tmp_path, *paths)
    mute = without_caption(paths, found)
    assert str(missing_error("folder:x", paths, mute, found)) == f"folder:x: {missing}"
    assert missing_line("folder:x", paths, mute, found) == f"folder:x: {missing.split('. ')[0]}"
    assert foreign_lines("folder:x", found) == [f"folder:x: {foreign}"]


def test_captions_of_images_that_are_not_used_fit(tmp_path: Path) -> None:
    write(tmp_path, a__txt="x", b__txt="y")
    assert read(tmp_path, "a.png", others=["b.png"]).foreign == {}


def test_two_kinds_that_agree_are_one(tmp_path: Path) -> None:
    write(tmp_path, a__txt="x", metadata__csv="file_name,text\na.png,x\n", captions__jsonl="")
    assert read(tmp_path, "a.png") == ({"a.png": "x"}, "metadata.csv", {})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"metadata__csv": "file_name,text\na.png,x\nb.png,y\n", "b__txt": "z", "a__txt": "x"},
            "has captions of two kinds, which differ for 1 of 2 images, the first 'b.png': metadata.csv has 'y' and its"
            " .txt files have 'z'. Keep one of the two.",
        ),
        (
            {"captions__jsonl": '{"file": "a.png", "caption": "x"}', "metadata__csv": "file_name,text\nb.png,y\n"},
            "differ for 2 of 2 images, the first 'a.png': captions.jsonl has 'x' and metadata.csv has nothing. Keep",
        ),
    ],
)
def test_two_kinds_that_differ_are_refused_by_name(files: dict[str, str], message: str, tmp_path: Path) -> None:
    write(tmp_path, **files)
    with pytest.raises(InputError) as error:
        read(tmp_path, "a.png", "b.png")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "captions__jsonl",
            b'{"file": "a.png", "caption": "x"}\n{"file":',
            "captions.jsonl line 2 is not of the form {",
        ),
        (
            "captions__jsonl",
            b'{"file": "a.png"}',
            'line 1 is not of the form {"file": "a.png", "caption": "a red fox"}',
        ),
        ("captions__jsonl", b'{"file": "a.png", "caption": 3}', "captions.jsonl line 1 is not of the form"),
        ("captions__jsonl", b'["a.png", "x"]', "captions.jsonl line 1 is not of the form"),
        ("captions__jsonl", b'{"file": "a.png", "caption": "\xff"}', "captions.jsonl is not UTF-8. Save it as UTF-8."),
        (
            "metadata__jsonl",
            b'{"file": "a.png", "caption": "x"}',
            'not of the form {"file_name": "a.png", "text": "a red',
        ),
        ("metadata__jsonl", b'{"file_name": "a.png", "text": "x"}\n' * 2, "metadata.jsonl line 2 names 'a.png' again"),
        ("metadata__csv", b"", "metadata.csv is empty, expected file_name and text. Name them in its first line."),
        ("metadata__csv", b"file_name;text\na.png;x", "has the columns file_name;text, expected file_name and text."),
        (
            "metadata__csv",
            b"file_name,text\na.png,a fox, red",
            "metadata.csv line 2 has 3 values, expected 2. Put a text",
        ),
        (
            "metadata__csv",
            b'file_name,text\na.png,"a "red" fox"',
            "metadata.csv line 2 cannot be read as comma-separated",
        ),
        (
            "metadata__csv",
            b"file_name,text\na.png," + b"x" * 140_000,
            "cannot be read as comma-separated values (field",
        ),
        ("metadata__csv", "file_name,text".encode("utf-16"), "metadata.csv is not UTF-8. Save it as UTF-8."),
        ("metadata__csv", "file_name,text".encode("utf-16-le"), "metadata.csv is not UTF-8. Save it as UTF-8."),
        ("train_in_metadata__csv", b"file_name\na.png", "train/metadata.csv has the columns file_name, expected"),
        ("a__txt", b"caf\xe9", "a.txt is not UTF-8. Save it as UTF-8."),
        ("a__txt", b"x" * ((1 << 20) + 1), "a.txt is longer than 1,048,576 bytes: no caption. Move it elsewhere."),
    ],
)
def test_captions_that_cannot_be_read_are_refused_in_a_line(
    file: str, content: bytes, message: str, tmp_path: Path
) -> None:
    write(tmp_path, **{file: content})
    with pytest.raises(InputError) as error:
        read(tmp_path, "a.png", "b.png")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"folder:x: a\.txt cannot be read \(no file\)\. Repair or remove it\."):
        read(tmp_path, "a.png")
