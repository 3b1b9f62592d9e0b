"""A folder of files as a set of images."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax.data import LazyImages, load, reading
from genjax.data import dataset as dataset_module
from genjax.data import files as files_module
from genjax.data import images as images_module
from genjax.data.images import fit
from genjax.data.request import Request
from genjax.data.sources.folder import load_folder, reads_below
from genjax.errors import InputError


def save(path: Path, level: int = 200, *, mode: str = "RGB", width: int = 20, height: int = 12) -> None:
    """An image of one grey level, and one darker row, so that it is not all the same."""
    pixels = np.full((height, width), level, np.uint8)
    pixels[0] = level // 2
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """A folder of ten images that all differ."""
    for i in range(10):
        save(tmp_path / f"{i}.png", 20 * i + 20)
    return tmp_path


def test_a_fifth_is_held_out_by_name(ten: Path) -> None:
    train, test, both = (load(f"folder:{ten}", split=split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (8, 2, 10)
    rows = [image.tobytes() for part in (train, test) for image in np.asarray(part.images)]
    assert sorted(rows) == sorted(image.tobytes() for image in np.asarray(both.images))
    assert (both.labels, both.class_names, both.captions, both.factors) == (None, (), (), {})


def test_neither_seed_nor_age_of_files_changes_a_set(ten: Path) -> None:
    before = load(f"folder:{ten}").content_hash()
    os.utime(ten / "0.png", (0, 0))
    assert load(f"folder:{ten}", seed=7).content_hash() == before
    save(ten / "0.png", 33)
    save(ten / "1.png", 34)
    save(ten / "2.png", 35)
    assert load(f"folder:{ten}", split="all").content_hash() != before


def test_files_of_any_format_size_and_mode_become_one_array(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", mode="CMYK")
    save(tmp_path / "b.webp", mode="RGBA", width=7, height=31)
    save(tmp_path / "c.png", mode="P", width=16, height=16)
    save(tmp_path / "d.png", mode="LA")
    images = load(f"folder:{tmp_path}", split="all").images
    assert images.shape == (4, 16, 16, 3)
    assert np.abs(np.asarray(images)[:, 8, 8].astype(int) - 200).max() < 4


def test_images_are_resized_by_the_one_rule(ten: Path) -> None:
    image = load(f"folder:{ten}", split="all", size=8).images[3]
    with Image.open(ten / "3.png") as stored:
        np.testing.assert_array_equal(image, fit(stored, 8, 3))


def test_what_a_file_holds_decides_not_its_suffix(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpeg")
    save(tmp_path / "b.webp")
    (tmp_path / "b.webp").rename(tmp_path / "b")
    assert len(load(f"folder:{tmp_path}", split="all")) == 2


def test_grey_files_stay_grey_unless_one_has_colour(tmp_path: Path) -> None:
    for i, mode in enumerate(("L", "LA", "1")):
        save(tmp_path / f"{i}.png", mode=mode)
    assert load(f"folder:{tmp_path}", split="all").images.shape[-1] == 1
    assert load(f"folder:{tmp_path}", channels=3).images.shape[-1] == 3
    save(tmp_path / "3.png", mode="RGB")
    assert {load(f"folder:{tmp_path}", split=split).images.shape[-1] for split in ("train", "test")} == {3}
    with pytest.warns(UserWarning, match="1 of 4 images are in colour, and are read as grey"):
        assert load(f"folder:{tmp_path}", channels=1).images.shape[-1] == 1


def test_folders_are_classes(tmp_path: Path) -> None:
    for i in range(6):
        save(tmp_path / ("dog" if i % 2 else "cat") / f"{i}.png", 30 * i + 30)
    pets = load(f"folder:{tmp_path}", split="all")
    assert pets.class_names == ("cat", "dog")
    assert pets.labels is not None
    assert (pets.labels.dtype, pets.labels.tolist()) == (np.int32, [0, 0, 0, 1, 1, 1])
    assert pets.images[:, 8, 8, 0].tolist() == [30, 90, 150, 60, 120, 180]


def test_classes_may_have_folders_of_their_own(tmp_path: Path) -> None:
    for path in ("animals/birds/owl.png", "animals/cat.png", "cars/2021/summer/roll1/a.png"):
        save(tmp_path / path)
    found = load(f"folder:{tmp_path}", split="all")
    assert found.labels is not None
    assert (found.class_names, found.labels.tolist()) == (("animals", "cars"), [0, 0, 1])


def test_images_and_classes_may_be_called_license_and_readme(tmp_path: Path) -> None:
    for path in ("license plates/license_1.png", "readme/Readme.png", "readme/licence.png"):
        save(tmp_path / path)
    for path in ("README.md", "LICENSE", "license plates/licence.txt"):
        (tmp_path / path).write_text("free for all")
    found = load(f"folder:{tmp_path}", split="all")
    assert (len(found), found.class_names) == (3, ("license plates", "readme"))


def test_a_damaged_image_that_is_called_license_is_named(ten: Path) -> None:
    (ten / "license.png").write_bytes((ten / "0.png").read_bytes()[:-30])
    with pytest.raises(InputError, match=r"1 file that is no image: license\.png \(cut off or damaged\)"):
        load(f"folder:{ten}")


def test_what_is_left_out_is_counted_by_reason(ten: Path) -> None:
    save(ten / ".cache" / "a.png")
    save(ten / ".b.png")
    (ten / "loop").symlink_to(ten)
    with pytest.warns(
        UserWarning, match=r": 10 images; left out 3 \(hidden 2, links that lead back 1\); the first \.b\.png$"
    ):
        assert len(load(f"folder:{ten}", split="all")) == 10


def test_a_folder_in_which_nothing_can_be_used_says_why(tmp_path: Path) -> None:
    save(tmp_path / ".hidden.png")
    with pytest.raises(InputError, match=r"holds no images that can be used \(hidden 1\)\. Put some into it"):
        load(f"folder:{tmp_path}")


def test_a_lone_split_is_taken_for_one_and_said(tmp_path: Path) -> None:
    for path in ("Train/cat/a.png", "Train/cat/b.png", "Train/dog/c.png", "bus/d.png", "car/e.png"):
        save(tmp_path / path)
    reason = r"left out 2 \(beside Train/, which is taken for a split \(rename it if it is a class\) 2\); the first bus"
    with pytest.warns(UserWarning, match=reason):
        found = load(f"folder:{tmp_path}", split="all")
    assert (len(found), found.class_names) == (3, ("cat", "dog"))
    assert len(load(f"folder:{tmp_path}", split="test")) == 1


def test_captions_that_fit_no_image_are_counted(ten: Path) -> None:
    lines = [f'{{"file": ".\\\\{i}.png", "caption": "image {i}"}}' for i in range(12)]
    (ten / "captions.jsonl").write_text("\n".join(lines))
    with pytest.warns(UserWarning, match=r"captions\.jsonl has 2 lines that fit no file, the first '\.\\+10\.png'"):
        assert load(f"folder:{ten}", split="all").captions == tuple(f"image {i}" for i in range(10))


def test_captions_of_files_that_are_left_out_are_no_mistake(ten: Path) -> None:
    (ten / "9.png").write_text("gone")
    lines = [f'{{"file": "{i}.png", "caption": "image {i}"}}' for i in range(10)]
    (ten / "captions.jsonl").write_text("\n".join(lines))
    with pytest.warns(UserWarning, match=r": 9 images; left out 1 \(unknown format 1\);") as said:
        assert len(load(f"folder:{ten}", split="all", skip_broken=True).captions) == 9
    assert len(said) == 1


def test_train_and_test_folders_are_the_splits(tmp_path: Path) -> None:
    for split, level in (("train", 50), ("test", 150)):
        for label in ("cat", "dog"):
            save(tmp_path / split / label / "a.png", level)
    train, test = (load(f"folder:{tmp_path}", split=split) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("cat", "dog")
    assert (train.images[0, 8, 8, 0], test.images[0, 8, 8, 0]) == (50, 150)
    assert len(load(f"folder:{tmp_path}", split="all")) == 4


def test_captions_go_with_their_images(ten: Path) -> None:
    lines = [f'{{"file": "{i}.png", "caption": "image {i}"}}' for i in reversed(range(10))]
    (ten / "captions.jsonl").write_text("\n".join(lines))
    whole, part = load(f"folder:{ten}", split="all"), load(f"folder:{ten}", split="test")
    assert whole.captions == tuple(f"image {i}" for i in range(10))
    for image, sentence in zip(np.asarray(part.images), part.captions, strict=True):
        assert image[8, 8, 0] == 20 * int(sentence[-1]) + 20


def half_captioned(root: Path) -> list[str]:
    """Writes metadata with a caption for every other image of ten, one of them empty; returns the captions."""
    captions = ["" if i % 2 or i == 4 else f"image {i}" for i in range(10)]
    rows = [f"{i}.png,{caption}" for i, caption in enumerate(captions) if not i % 2]
    (root / "metadata.csv").write_text("\n".join(["file_name,text", *rows]))
    return captions


def test_images_without_a_caption_are_refused_unless_asked_otherwise(ten: Path) -> None:
    captions = half_captioned(ten)
    reason = r"metadata\.csv has no caption for 6 of 10 images, the first '1\.png'"
    with pytest.raises(InputError, match=rf"{reason}\. Add a line for each, or leave these .* with --captions drop"):
        load(f"folder:{ten}", split="all")
    with pytest.warns(UserWarning, match=r": 4 images; left out 6 \(no caption 6\); the first 1\.png$"):
        some = load(f"folder:{ten}", split="all", captions="drop")
    assert some.captions == tuple(filter(None, captions))
    assert some.images[:, 8, 8, 0].tolist() == [20 * int(text[-1]) + 20 for text in some.captions]
    with pytest.warns(UserWarning, match=rf"{reason}: theirs is empty$"):
        whole = load(f"folder:{ten}", split="all", captions="empty")
    assert whole.captions == tuple(captions)
    assert load(f"folder:{ten}", split="all", captions="unneeded").captions == ()
    with pytest.raises(InputError, match=r"unknown --captions 'keep'\. Known: drop, empty, require, unneeded"):
        load(f"folder:{ten}", captions="keep")


@pytest.mark.parametrize("captions", ["require", "drop", "empty"])
def test_a_set_of_which_no_image_has_a_caption_is_refused(captions: str, ten: Path) -> None:
    (ten / "metadata.csv").write_text("file_name,text\nx.png,x\n")
    with pytest.raises(InputError, match=r"no caption for 10 of 10 .* and 1 line that fits no file, .*\. Add a line"):
        load(f"folder:{ten}", captions=captions)
    assert len(load(f"folder:{ten}", captions="unneeded")) == 8


def test_what_is_dropped_is_neither_trained_on_nor_held_out(ten: Path) -> None:
    half_captioned(ten)
    parts = [load(f"folder:{ten}", split=split, captions="drop", quiet=True) for split in ("train", "test", "all")]
    assert [len(part) for part in parts] == [3, 1, 4]
    assert sorted(parts[0].captions + parts[1].captions) == sorted(parts[2].captions)


def test_classes_may_be_several_folders_deep(tmp_path: Path) -> None:
    for path in ("animals/cats/1.png", "animals/cats/old/2.png", "animals/dogs/3.png", "cars/new/4.png"):
        save(tmp_path / path)
    deep = load(f"folder:{tmp_path}", split="all", class_depth=2)
    assert deep.class_names == ("animals/cats", "animals/dogs", "cars/new")
    assert deep.labels is not None
    assert deep.labels.tolist() == [0, 0, 1, 2]
    assert load(f"folder:{tmp_path}", split="all").class_names == ("animals", "cars")
    with pytest.raises(InputError, match=r"--class-depth 3: folder:.* has animals/cats/1\.png \(and 2 more\) in fewer"):
        load(f"folder:{tmp_path}", class_depth=3)
    for spec, depth, message in (
        (f"folder:{tmp_path}", 0, "0 names no class"),
        ("digits", 2, "2 is for folders of im"),
    ):
        with pytest.raises(InputError, match=f"--class-depth {message}"):
            load(spec, class_depth=depth)


def test_relative_paths_begin_at_the_root(ten: Path) -> None:
    assert load(f"folder:{ten.name}", root=ten.parent).content_hash() == load(f"folder:{ten}").content_hash()


def test_a_set_too_large_for_memory_is_decoded_when_used(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(f"folder:{ten}", split="all")
    monkeypatch.setattr(dataset_module, "IN_MEMORY", 1000)
    lazy = load(f"folder:{ten}", split="all")
    assert isinstance(lazy.images, LazyImages)
    np.testing.assert_array_equal(lazy.images[np.array([7, 2])], whole.images[np.array([7, 2])])
    (ten / "2.png").write_bytes(b"gone")
    with pytest.raises(InputError, match=r"2\.png \(unknown format\)"):
        lazy.images[np.array([2])]
    (ten / "7.png").write_bytes((ten / "7.png").read_bytes()[:-30])
    with pytest.raises(
        InputError, match=r"2 files that are no images: 2\.png \(unk.*\), 7\.png \(cut off or damaged\)"
    ):
        lazy.images[np.array([2])]


def spoil(root: Path) -> None:
    """Puts in what is no image, in four ways."""
    whole = (root / "0.png").read_bytes()
    (root / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "empty.jpg").touch()
    (root / "notes.txt").write_text("to do")
    (root / "text.png").write_text("no image")


def test_broken_and_foreign_files_are_named_together(ten: Path) -> None:
    spoil(ten)
    with pytest.raises(InputError) as error:
        load(f"folder:{ten}", split="all")
    assert str(error.value) == (
        f"folder:{ten} has 4 files that are no images: cut.png (cut off or damaged), empty.jpg (unknown format),"
        " notes.txt (unknown format), text.png (unknown format)."
        " Repair or remove them, or leave them out with --skip-broken."
    )


def test_a_file_that_is_cut_off_is_named(ten: Path) -> None:
    spoil(ten)
    for name in ("empty.jpg", "notes.txt", "text.png"):
        (ten / name).unlink()
    with pytest.raises(
        InputError, match=r"1 file that is no image: cut\.png \(cut off or damaged\)\. Repair or remove"
    ):
        load(f"folder:{ten}", split="all")


def test_what_is_no_file_is_named_and_not_waited_for(ten: Path) -> None:
    (ten / "link.png").symlink_to(ten / "gone.png")
    os.mkfifo(ten / "pipe.png")
    with pytest.raises(InputError, match=r"2 files that are no images: link\.png \(no file\), pipe\.png \(no file\)"):
        load(f"folder:{ten}")


def test_of_very_many_broken_files_the_first_are_named(ten: Path) -> None:
    for i in range(25):
        (ten / f"x{i:02}.png").touch()
    with pytest.raises(InputError, match=r"25 files .* x00\.png \(.*, x09\.png \([^)]*\) and 15 more\."):
        load(f"folder:{ten}")


def test_broken_files_are_left_out_on_demand(ten: Path) -> None:
    clean = load(f"folder:{ten}", split="all").content_hash()
    spoil(ten)
    with pytest.warns(
        UserWarning, match=r": 10 images; left out 4 \(unknown format 3, cut off or damaged 1\); the first cut\.png$"
    ):
        assert load(f"folder:{ten}", split="all", skip_broken=True).content_hash() == clean
    left = load_folder(str(ten), Request(split="test", skip_broken=True))
    assert (left.left_out["cut.png"], len(left.left_out)) == ("cut off or damaged", 4)


def test_images_of_too_many_pixels_are_left_out_and_said(ten: Path) -> None:
    save(ten / "large.png", width=100, height=100)
    save(ten / "larger.png", width=101, height=100)
    reason = r"left out 2 \(too large 2\), --max-pixels reads larger ones; the first large\.png$"
    with pytest.warns(UserWarning, match=reason):
        assert len(load(f"folder:{ten}", split="all", max_pixels=4000)) == 10
    assert len(load(f"folder:{ten}", split="all")) == 12
    with pytest.raises(InputError, match=r"holds no images that can be used \(too large 12\)"):
        load(f"folder:{ten}", max_pixels=1)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="who may read everything sees no difference")
def test_files_that_may_not_be_read_are_named(ten: Path) -> None:
    (ten / "0.png").chmod(0)
    with pytest.raises(InputError, match=r"0\.png \(cannot be opened\)"):
        load(f"folder:{ten}")


def test_folders_that_cannot_be_a_set_are_refused(ten: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    for spec, message in {
        f"folder:{tmp_path / 'none'}": "holds no images. Put some into it (PNG, JPEG, WebP, GIF,",
        f"folder:{tmp_path / 'nowhere'}": "does not exist. Name a folder",
        f"folder:{ten / '0.png'}": "is no folder. Name a folder",
        "folder:": "names no folder. Name a folder",
        "folder": "names no folder. Name a folder",
    }.items():
        with pytest.raises(InputError) as error:
            load(spec)
        assert message in str(error.value)
    with pytest.raises(InputError, match=r"--num-images 9 is more than .* \(8 images\)"):
        load(f"folder:{ten}", num=9)


def test_what_lies_in_a_folder_of_images_is_known(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ten)
    (ten.parent / "link").symlink_to(ten)
    inside = [(f"folder:{ten}", ten / "run"), ("folder:.", Path("a/b")), (f"folder:{ten.parent / 'link'}", ten)]
    outside = [
        (f"folder:{ten}", ten.parent),
        ("folder:photos", Path("run")),
        (f"idx:{ten}", ten / "run"),
        ("folder:", ten),
    ]
    assert [reads_below(*pair) for pair in (*inside, *outside)] == [True] * 3 + [False] * 4


def test_one_image_can_be_trained_on(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert len(load(f"folder:{tmp_path}")) == 1
    with pytest.raises(InputError, match="no image in its split 'test'"):
        load(f"folder:{tmp_path}", split="test")


def head_of_a_png(width: int, height: int) -> bytes:
    """The head of a file that says how large the image is, and next to nothing behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture
def zoo(tmp_path: Path) -> tuple[Path, list[str]]:
    """(folder, names of what cannot be used in it) of 300 images, of every kind that may be met."""
    save(tmp_path / "plain.png")
    for i in range(300):
        os.link(tmp_path / "plain.png", tmp_path / f"{i:05}.png")
    save(tmp_path / "cmyk.jpg", mode="CMYK")
    save(tmp_path / "palette.png", mode="P")
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(tmp_path / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 30), (9, 9, 9)).save(tmp_path / "turned.jpg", exif=exif)
    frames = [Image.new("L", (16, 16), level) for level in (0, 128, 255)]
    frames[0].save(tmp_path / "animated.webp", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "plain.png").read_bytes()
    (tmp_path / "00123.png").unlink()
    (tmp_path / "00123.png").write_bytes(whole[:-30])
    (tmp_path / "text.png").write_text("an image, said the colleague")
    (tmp_path / "pixel.png").write_bytes(b"")
    Image.new("RGB", (1, 1)).save(tmp_path / "pixel.png")
    (tmp_path / "bomb.png").write_bytes(head_of_a_png(20_000, 20_000))
    frames[0].save(tmp_path / "animated.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "page.png").write_text("<html><script>alert(1)</script></html>")
    return tmp_path, ["00123.png", "bomb.png", "page.png", "pixel.png", "text.png"]


def test_what_cannot_be_used_among_many_is_named_once_each(zoo: tuple[Path, list[str]]) -> None:
    folder, bad = zoo
    with pytest.raises(InputError) as error:
        load(f"folder:{folder}", split="all")
    assert [str(error.value).count(name) for name in bad] == [name != "bomb.png" for name in bad]
    assert "4 files that are no images: " in str(error.value)
    assert "pixel.png (less than 2 pixels wide or high)" in str(error.value)
    assert "00123.png (cut off or damaged)" in str(error.value)


def test_whatever_its_form_an_image_comes_out_as_it_looks(zoo: tuple[Path, list[str]]) -> None:
    folder, bad = zoo
    for name in bad:
        (folder / name).unlink()
    files = sorted(path.name for path in folder.iterdir())
    images = dict(zip(files, np.asarray(load(f"folder:{folder}", split="all").images), strict=True))
    assert len(images) == 306
    for name, level in {
        "plain.png": 200,
        "cmyk.jpg": 200,
        "palette.png": 200,
        "sixteen.png": 156,
        "turned.jpg": 9,
    }.items():
        assert abs(int(images[name][8, 8, 0]) - level) < 4, name
    for name in ("animated.webp", "animated.gif"):
        assert images[name].max() < 4, "the first picture"


def test_both_splits_are_read_by_opening_each_file_once(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, look = [], files_module._look
    monkeypatch.setattr(reading, "KEPT_FILES", 1)
    monkeypatch.setattr(files_module, "_look", lambda files, name, *how: opened.append(name) or look(files, name, *how))
    for i in range(10):
        os.utime(ten / f"{i}.png", (1000, 1000))
    load(f"folder:{ten}", split="train")
    load(f"folder:{ten}", split="test", channels=3)
    load(f"folder:{ten}", num=3)
    assert sorted(opened) == [f"{i}.png" for i in range(10)]


@pytest.mark.parametrize("wrong", ["layout", "captions", "number"])
def test_what_is_wrong_with_a_folder_is_said_before_anything_is_decoded(
    ten: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "layout":
        save(ten / "cat" / "a.png")
    if wrong == "captions":
        (ten / "captions.jsonl").write_text('{"file": "0.png", "caption": "one"}')
    (ten / "notes.txt").write_text("to do")
    monkeypatch.setattr("genjax.data.images._upright", None)
    with pytest.raises(InputError, match=r"next to them|no caption for 9 of 10|--num-images 50 is more"):
        load(f"folder:{ten}", num=50 if wrong == "number" else 0)


def test_a_broken_image_needs_no_caption_where_it_is_left_out(ten: Path) -> None:
    (ten / "9.png").write_bytes((ten / "9.png").read_bytes()[:-30])
    (ten / "captions.jsonl").write_text("\n".join(f'{{"file": "{i}.png", "caption": "image"}}' for i in range(9)))
    with pytest.warns(UserWarning, match=r"left out 1 \(cut off or damaged 1\)"):
        assert len(load(f"folder:{ten}", split="all", skip_broken=True)) == 9


def test_a_text_beside_class_folders_is_no_wrong_layout(ten: Path) -> None:
    for i in range(10):
        (ten / ("cat" if i % 2 else "dog")).mkdir(exist_ok=True)
        (ten / f"{i}.png").rename(ten / ("cat" if i % 2 else "dog") / f"{i}.png")
    (ten / "notes.txt").write_text("to do")
    with pytest.warns(UserWarning, match=r"left out 1 \(unknown format 1\)"):
        assert load(f"folder:{ten}", split="all", skip_broken=True).class_names == ("cat", "dog")
    with pytest.raises(InputError, match=r"1 file that is no image: notes\.txt"):
        load(f"folder:{ten}", split="all")


def test_of_a_number_of_images_the_others_are_not_decoded(ten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, usual = [], images_module._upright
    monkeypatch.setattr(images_module, "_upright", lambda *how: decoded.append(1) or usual(*how))
    assert len(load(f"folder:{ten}", num=3)) == len(decoded) == 3
