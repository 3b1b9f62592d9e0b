"""`load` for every source of images, the list `DATASETS` of these sources, and the help text made from it."""

from pathlib import Path

from genjax.data.dataset import Dataset
from genjax.data.fonts.scans import LETTERS
from genjax.data.fonts.source import FONT, FONTS
from genjax.data.glyphs.variants import SPEC as GLYPHS
from genjax.data.large_images import MAX_PIXELS
from genjax.data.left_out import warn_of_left_out
from genjax.data.request import Request, Spec, check_size
from genjax.data.sources.archive import SPEC as ARCHIVE
from genjax.data.sources.cifar import SPEC as CIFAR
from genjax.data.sources.digits import SPEC as DIGITS
from genjax.data.sources.emoji import SPEC as EMOJI
from genjax.data.sources.folder import SPEC as FOLDER
from genjax.data.sources.idx import SPEC as IDX
from genjax.data.sources.npz import SPEC as NPZ
from genjax.data.sources.tfds import SPEC as TFDS
from genjax.errors import InputError, lookup

DATASETS: dict[str, Spec] = {
    "digits": DIGITS,
    "glyphs": GLYPHS,
    "emoji": EMOJI,
    "fonts": FONTS,
    "font": FONT,
    "letters": LETTERS,
    "folder": FOLDER,
    "archive": ARCHIVE,
    "idx": IDX,
    "cifar": CIFAR,
    "npz": NPZ,
    "tfds": TFDS,
}


def load(
    spec: str,
    *,
    size: int = 16,
    channels: int = 0,
    split: str = "train",
    num: int = 0,
    seed: int = 0,
    skip_broken: bool = False,
    class_depth: int = 1,
    captions: str = "require",
    max_pixels: int = MAX_PIXELS,
    root: Path | str | None = None,
    quiet: bool = False,
) -> Dataset:
    """Loads the images that a spec names.

    Args:
        spec: name in `DATASETS`, with a colon and an argument where the set takes one, such as ``glyphs:letters`` or
            ``folder:PATH``. `data_help` lists the forms.
        size: height and width of the images, a power of two from 8 to 1024; others are resized by `RESIZE_RULE`. 0
            keeps the images of an .npz as they are.
        channels: 1 for grey, 3 for colour, 0 to keep what the images have.
        split: ``train``, ``test`` (held out) or ``all``.
        num: number of images; 0 takes all that the set has. Glyphs are drawn, and 0 draws 2,000 for train, 20,000 for
            train of the captioned ones, and 1,000 for test.
        seed: seed of the choice of images where `num` is less than all, and of the drawing of glyphs. The held-out
            images do not depend on it.
        skip_broken: True leaves out files of a folder that cannot be read as images, with a warning that counts them.
        class_depth: number of folders that name the class of an image in a folder, joined by slashes: 1 is the first
            below the set or its split.
        captions: what to do with images of a folder that have no caption, if others do: ``require`` refuses the set,
            ``drop`` leaves them out, ``empty`` gives them an empty one, ``unneeded`` leaves out all captions.
        max_pixels: pixels of the largest image file that is decoded; larger ones are left out, with the same warning.
        root: folder where relative paths begin; for tfds the folder of its prepared sets.
        quiet: True leaves it to the caller to say what was left out (`Dataset.left_out`).
    Returns:
        Images uint8 (n, size, size, channels), with labels, factors and captions where the set has them.
    Raises:
        InputError: a spec, a value or a file that cannot be used.
    """
    name, _, argument = spec.partition(":")
    source = lookup(DATASETS, name, "dataset")
    if not source.keeps_size:
        check_size(size)
    if class_depth != 1 and not source.has_folders:
        raise InputError(f"--class-depth {class_depth} is for folders of images, and {spec} is none. Leave it out.")
    place = None if root is None else Path(root)
    request = Request(size, channels, split, num, seed, skip_broken, class_depth, captions, max_pixels, place)
    images = source.load(argument, request)
    if not quiet:
        warn_of_left_out(images)
    return images


def data_help() -> str:
    """Lists every form of `--data`, as its help shows it: ``digits, digits:captioned, ... or tfds:NAME.``"""
    return f"{join_with_or([form for source in DATASETS.values() for form in source.forms])}."


def captions_help() -> str:
    """Lists what has captions, as help and errors show it: ``digits, glyphs, emoji or a folder with ...``"""
    return join_with_or([source.captions for source in DATASETS.values() if source.captions])


def data_table() -> str:
    """Formats the list of sets as a Markdown table for the documents: what to type, and what it reads."""
    rows = ["| `--data` | what it reads |", "|---|---|"]
    for source in DATASETS.values():
        forms = ", ".join(f"`{form}`" for form in source.forms)
        extra = f' (`pip install "genjax-images[{source.extra}]"`)' if source.extra else ""
        rows.append(f"| {forms} | {source.summary}{extra} |")
    return "\n".join(rows)


def join_with_or(names: list[str]) -> str:
    """Joins names as a sentence does: ``a, b or c``."""
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
