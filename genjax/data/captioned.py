"""Loading sets for a model of text: those that have a caption for every image."""

from genjax.data.dataset import Dataset
from genjax.data.load import DATASETS, captions_help, load
from genjax.errors import InputError


def load_captioned(
    spec: str,
    *,
    size: int,
    channels: int = 0,
    split: str = "train",
    num: int = 0,
    seed: int = 0,
    skip_broken: bool = False,
) -> Dataset:
    """Loads a set with its captions; `glyphs` and `digits` alone load their captioned variants.

    Args:
        spec: set to load, as in `genjax.data.load`.
        size: height and width of the images.
        channels: 1 for grey, 3 for colour, 0 to keep what the images have.
        split: ``train``, ``test`` (held out) or ``all``.
        num: number of images; 0 takes all that the set has.
        seed: seed of the choice of images, and of the drawing of glyphs.
        skip_broken: True leaves out files of a folder that cannot be read as images.
    Returns:
        The set, with one caption for each image.
    Raises:
        InputError: no such set, or one in which an image has no caption.
    """
    data = load(
        captioned_spec(spec),
        size=size,
        channels=channels,
        split=split,
        num=num,
        seed=seed,
        skip_broken=skip_broken,
    )
    require_captions(data)
    return data


def captioned_spec(spec: str) -> str:
    """Replaces the plain name of a set by its captioned variant, where it has one: ``glyphs:captioned`` for ``glyphs``.

    Any other spec comes back unchanged: whoever names a variant gets it.
    """
    source = DATASETS.get(spec)
    return f"{spec}:{source.captioned_variant}" if source and source.captioned_variant else spec


def require_captions(dataset: Dataset) -> tuple[str, ...]:
    """Returns the captions of a set, one for each image.

    Raises:
        InputError: the set has none, or has none for some of its images.
    """
    if not dataset.captions:
        raise InputError(f"{dataset.name} has no captions. Use {captions_help()}.")
    empty = [index for index, caption in enumerate(dataset.captions) if not caption.strip()]
    if empty or len(dataset.captions) != len(dataset):
        missing = len(empty) + max(0, len(dataset) - len(dataset.captions))
        first = empty[0] if empty else len(dataset.captions)
        raise InputError(
            f"{dataset.name} has no caption for {missing} of {len(dataset)} images, the first is image {first} of its"
            f" split {dataset.split!r}. Write one for each."
        )
    return dataset.captions
