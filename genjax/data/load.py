"""`load`: the images that a spec such as `glyphs:letters` or `folder:PATH` names."""

from pathlib import Path

from genjax.data.dataset import Dataset
from genjax.data.glyphs.variants import load_glyph_variant
from genjax.data.request import Request
from genjax.data.sources.digits import load_digits
from genjax.data.sources.emoji import load_emoji
from genjax.data.sources.folder import load_folder
from genjax.data.sources.idx import load_idx
from genjax.data.sources.npz import load_npz
from genjax.data.sources.tfds import load_tfds
from genjax.errors import lookup

DATASETS = {
    "digits": load_digits,
    "glyphs": load_glyph_variant,
    "emoji": load_emoji,
    "folder": load_folder,
    "idx": load_idx,
    "npz": load_npz,
    "tfds": load_tfds,
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
    root: Path | str | None = None,
) -> Dataset:
    """The images that a spec names.

    Args:
        spec: ``digits``, ``digits:captioned``, ``glyphs``, ``glyphs:letters``, ``glyphs:captioned``, ``emoji``,
            ``emoji:GROUP``, ``folder:PATH``, ``idx:PATH``, ``npz:PATH`` or ``tfds:NAME``.
        size: height and width of the images, a power of two from 8 to 1024; others are resized by `RESIZE_RULE`.
        channels: 1 for grey, 3 for colour, 0 as the images are.
        split: ``train``, ``test`` (held out) or ``all``.
        num: how many images; 0 is all that the set has (glyphs, which are drawn: 2,000 of train, 20,000
            where their attributes are captioned, and 1,000 of test).
        seed: of which images are taken where `num` is fewer than all, and of what is drawn. What is held out does not
            depend on it.
        skip_broken: leave out files of a folder that cannot be read as images, with a warning that names them.
        root: where relative paths begin, and for tfds the folder of its prepared sets.
    Raises:
        InputError: a spec, a value or a file that cannot be used.
    """
    name, _, argument = spec.partition(":")
    source = lookup(DATASETS, name, "dataset")
    request = Request(size, channels, split, num, seed, skip_broken, None if root is None else Path(root))
    return source(argument, request)
