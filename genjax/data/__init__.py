"""Where images come from: one file a source, one function (`load`) for all, and `batches` that feeds them.

Every source hands over a `Dataset`: uint8 images of one size, with labels, factors and captions where they are known.
"""

from pathlib import Path

from genjax.data.batches import Position, batch_at, batch_indices, check_batch, position
from genjax.data.dataset import Dataset, LazyImages, few_shot
from genjax.data.digits import load_digits
from genjax.data.emoji import load_emoji
from genjax.data.folder import load_folder
from genjax.data.glyph_variants import load_glyph_variant
from genjax.data.idx import load_idx
from genjax.data.images import RESIZE_RULE, to_float, to_uint8
from genjax.data.npz import load_npz
from genjax.data.request import Request
from genjax.data.tfds import load_tfds
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

__all__ = [
    "DATASETS",
    "RESIZE_RULE",
    "Dataset",
    "LazyImages",
    "Position",
    "Request",
    "batch_at",
    "batch_indices",
    "check_batch",
    "few_shot",
    "load",
    "position",
    "to_float",
    "to_uint8",
]


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
