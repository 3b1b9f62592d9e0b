"""Sets in archives: what holds for folders holds in them."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from packed import KINDS, LINES, PETS, packed, png, unpacked

from genjax.data import LazyImages, load
from genjax.data import dataset as dataset_module
from genjax.data.sources import archive, archive_members
from genjax.data.sources.archive import expand_braces
from genjax.errors import InputError


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_read_as_the_folder_that_was_packed(tmp_path: Path, kind: str) -> None:
    files = {**PETS, "captions.jsonl": LINES, "README.md": b"# Pets", "__MACOSX/cat/._0.png": b"x", ".DS_Store": b""}
    spec, folder = packed(tmp_path / f"pets{kind}", files), unpacked(tmp_path / "pets", files)
    for split in ("train", "test", "all"):
        found, expected = load(spec, split=split), load(folder, split=split)
        assert found.content_hash() == expected.content_hash()
        assert (found.captions, found.class_names) == (expected.captions, ("cat", "dog"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets", f"pets{kind}"]


@pytest.mark.parametrize("around", ["pets/", "./", "./a/b/", "pets\\"])
def test_a_folder_around_everything_does_not_count(tmp_path: Path, around: str) -> None:
    plain = packed(tmp_path / "a.zip", {**PETS, "captions.jsonl": LINES})
    inside = {around + name: content for name, content in {**PETS, "captions.jsonl": LINES}.items()}
    whole = packed(tmp_path / "b.zip", {**inside, "__MACOSX/x": b""})
    assert load(plain, split="all").content_hash() == load(whole, split="all").content_hash()
    assert load(whole).captions == load(plain).captions


def test_folders_in_an_archive_are_splits(tmp_path: Path) -> None:
    files = {
        f"set/{split}/{label}/a.png": png(level) for split, level in (("Train", 50), ("val", 150)) for label in "xy"
    }
    spec = packed(tmp_path / "a.tar", files)
    train, test = (load(spec, split=split) for split in ("train", "test"))
    assert (train.class_names, np.unique(train.images[:, 8, 8, 0]), len(test)) == (("x", "y"), [50], 2)


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_a_set_too_large_for_memory_is_read_when_used_from_any_thread(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = packed(tmp_path / f"a{kind}", PETS)
    whole = load(spec, split="all")
    monkeypatch.setattr(dataset_module, "IN_MEMORY", 1000)
    lazy = load(spec, split="all")
    assert isinstance(lazy.images, LazyImages)
    with ThreadPoolExecutor(8) as pool:
        rows = [*pool.map(lambda i: lazy.images[np.array([i % 10])][0], range(200))]
    np.testing.assert_array_equal(np.stack(rows), whole.images[np.arange(200) % 10])


def shard(start: int, number: int, *, label: bool = True, text: bool = False, about: bool = False) -> dict[str, bytes]:
    """A shard as WebDataset writes it."""
    files: dict[str, bytes] = {}
    for i in range(start, start + number):
        files |= {f"{i:06}.cls": str(i % 12).encode()} if label else {}
        files |= {f"{i:06}.json": json.dumps({"label": i % 12, "caption": f"in json {i}"}).encode()} if about else {}
        files |= {f"{i:06}.png": png(10 * i + 10)}
        files |= {f"{i:06}.txt": f"number {i}\n".encode()} if text else {}
    return files


def test_shards_are_one_set_with_the_classes_and_captions_beside_its_images(tmp_path: Path) -> None:
    for number in range(3):
        packed(tmp_path / "s" / f"{number:03}.tar", shard(8 * number, 8, text=True))
    for spec in (f"archive:{tmp_path}/s/{{000..002}}.tar", f"archive:{tmp_path}/s"):
        found = load(spec, split="all")
        assert found.labels is not None
        assert found.class_names == tuple(str(number) for number in range(12))
        assert found.labels.tolist() == [i % 12 for i in range(24)]
        assert found.captions == tuple(f"number {i}" for i in range(24))
        assert found.images[:, 8, 8, 0].tolist() == [10 * i + 10 for i in range(24)]
    assert len(load(f"archive:{tmp_path}/s/{{001..002}}.tar", split="all")) == 16


def test_a_json_beside_an_image_says_class_and_caption(tmp_path: Path) -> None:
    found = load(packed(tmp_path / "a.tar", shard(0, 12, label=False, about=True)), split="all")
    assert found.labels is not None
    assert (found.labels.tolist(), found.captions[3]) == ([*range(12)], "in json 3")
    plain = {"0.png": png(1), "0.json": b"7", "1.png": png(2), "1.json": b"10", "2.png": png(), "2.json": b'"x"'}
    with pytest.raises(
        InputError, match=r"says no class for 1 of 3 images, the first '2\.png', and one for the others"
    ):
        load(packed(tmp_path / "b.tar", plain), captions="unneeded")


def test_files_of_one_name_in_several_shards_are_several_images(tmp_path: Path) -> None:
    for number in range(3):
        packed(tmp_path / "s" / f"{number}.tar", {"cat/a.png": png(50 * number + 50), "dog/b.png": png(9)})
    found = load(f"archive:{tmp_path}/s", split="all")
    assert (len(found), found.class_names) == (6, ("cat", "dog"))
    assert found.images[:3, 8, 8, 0].tolist() == [50, 100, 150]


def test_splits_and_classes_may_be_folders_of_archives_or_words_in_their_names(tmp_path: Path) -> None:
    for split, level in (("train", 50), ("test", 150)):
        packed(tmp_path / "a" / split / "0.zip", {"x/a.png": png(level), "y/b.png": png(level)})
        packed(tmp_path / "b" / f"pets-{split}-0.tar", {"x/a.png": png(level), "y/b.png": png(level)})
    for folder in "ab":
        train, test = (load(f"archive:{tmp_path / folder}", split=split) for split in ("train", "test"))
        assert (np.unique(train.images[:, 8, 8, 0]), np.unique(test.images[:, 8, 8, 0])) == ([50], [150])
        assert train.class_names == ("x", "y")


@pytest.mark.parametrize("form", [list, dict])
def test_stylegans_labels_go_before_folders(tmp_path: Path, form: type) -> None:
    files = {f"0000{i // 5}/img{i:08}.png": png(20 * i + 20) for i in range(10)}
    pairs = [(name, (i + 6) % 11) for i, name in enumerate(files)]
    labelled = {**files, "dataset.json": json.dumps({"labels": form(pairs)}).encode()}
    for spec in (packed(tmp_path / "a.zip", labelled), unpacked(tmp_path / "a", labelled)):
        found = load(spec, split="all")
        assert found.labels is not None
        assert [int(found.class_names[label]) for label in found.labels] == [label for _, label in pairs]
        assert found.class_names == ("0", "1", "2", "3", "4", "6", "7", "8", "9", "10")
    plain = load(packed(tmp_path / "b.zip", {**files, "dataset.json": b'{"labels": null}'}))
    assert (plain.labels, plain.class_names) == (None, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "dataset.json is no JSON"),
        (b"[]", 'dataset.json is not of the form {"labels": [["a.png", 6], ...]}'),
        (b'{"labels": [["cat/0.png"]]}', "dataset.json is not of the form"),
        (b'{"labels": [["cat/0.png", [0.5, 1]]]}', "dataset.json has the class [0.5, 1], expected numbers from 0"),
        (b'{"labels": [["cat/0.png", -1]]}', "dataset.json has the class -1"),
        (b'{"labels": [["cat/0.png", 1]]}', "says no class for 9 of 10 images, the first 'cat/2.png'"),
    ],
)
def test_labels_of_another_form_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    for spec in (packed(tmp_path / "a.zip", PETS | {"dataset.json": content}), f"folder:{tmp_path / 'a'}"):
        unpacked(tmp_path / "a", PETS | {"dataset.json": content})
        with pytest.raises(InputError) as error:
            load(spec)
        assert message in str(error.value)


@pytest.mark.parametrize("file", ["0.cls", "0.json", "dataset.json"])
def test_a_damaged_file_beside_images_is_named_with_what_to_do(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b'{"labels": [["0.png", 1]]}'
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for name in (file, "0.png"):
            made.writestr(name, content if name == file else png())
    damaged = (tmp_path / "a.zip").read_bytes().replace(content, content[::-1])
    (tmp_path / "a.zip").write_bytes(damaged)
    spec = f"archive:{tmp_path / 'a.zip'}"
    with pytest.raises(InputError, match=rf": {file} cannot be read \(cut off or damaged\)\. Fetch it again\.$"):
        load(spec)

    def short_of_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(archive_members, "_zip_member", short_of_memory)
    with pytest.raises(InputError, match=rf": {file} cannot be read \(does not fit into memory\)\. Make room in"):
        load(spec)


@pytest.mark.parametrize(
    ("suffix", "text"), [(".txt", b"an a"), (".json", b'{"caption": "an a"}')], ids=["text", "json"]
)
def test_captions_that_only_some_have_are_refused_or_said(tmp_path: Path, suffix: str, text: bytes) -> None:
    spec = packed(tmp_path / "a.tar", {"a.png": png(), "b.png": png(), f"a{suffix}": text})
    message = rf"its \{suffix} files have no caption for 1 of 2 images, the first 'b\.png'\. Write a \{suffix} beside"
    with pytest.raises(InputError, match=message):
        load(spec)
    with pytest.warns(UserWarning, match=r"left out 1 \(no caption 1\)"):
        assert load(spec, captions="drop").captions == ("an a",)


def test_captions_of_all_kinds_are_read_in_an_archive(tmp_path: Path) -> None:
    table = b"file_name,text\n" + b"".join(f"{name},a {name}\n".encode() for name in PETS)
    for kind in (".zip", ".tar.gz"):
        found = load(packed(tmp_path / f"a{kind}", {**PETS, "metadata.csv": table}), split="all")
        assert found.captions == tuple(f"a {name}" for name in sorted(PETS))
        packed(tmp_path / kind / f"a{kind}", {**PETS, "metadata.csv": table})
        packed(tmp_path / kind / f"b{kind}", PETS)
        with pytest.raises(InputError, match=r"has a[.a-z]*:metadata\.csv, and lists of captions are read in a single"):
            load(f"archive:{tmp_path / kind}")


def test_folders_of_an_archive_name_classes_at_any_depth(tmp_path: Path) -> None:
    spec = packed(tmp_path / "a.zip", {"a/x/1.png": png(), "a/y/2/3.png": png(), "b/z/4.png": png()})
    assert load(spec, split="all", class_depth=2).class_names == ("a/x", "a/y", "b/z")


def test_relative_paths_begin_at_the_root(tmp_path: Path) -> None:
    spec = packed(tmp_path / "a.zip", PETS)
    assert load("archive:a.zip", root=tmp_path).content_hash() == load(spec).content_hash()


def test_braces_are_expanded_as_by_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expand_braces("a/{08..10}.tar") == ["a/08.tar", "a/09.tar", "a/10.tar"]
    assert expand_braces("{2..1}{a,b}") == ["2a", "2b", "1a", "1b"]
    assert expand_braces("a{b}") == ["a{b}"]
    monkeypatch.setattr(archive, "MOST_ARCHIVES", 8)
    for path in ("{0..9}", "{1..3}{1..3}"):
        with pytest.raises(InputError, match=r"names (10|9) archives, at most 8"):
            expand_braces(path)
