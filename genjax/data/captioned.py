"""Sets that a model of text can learn from: those with a sentence for every image."""

from genjax.data import load
from genjax.data.dataset import Dataset
from genjax.errors import InputError

SPOKEN_OF = {"glyphs": "glyphs:captioned", "digits": "digits:captioned"}  # the variants that have captions


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
    """A set with its captions; `glyphs` and `digits` are the captioned ones. Arguments as in `genjax.data.load`.

    Raises:
        InputError: no such set, or one in which an image has no caption.
    """
    data = load(
        SPOKEN_OF.get(spec, spec),
        size=size,
        channels=channels,
        split=split,
        num=num,
        seed=seed,
        skip_broken=skip_broken,
    )
    require_captions(data)
    return data


def require_captions(dataset: Dataset) -> tuple[str, ...]:
    """The captions of a set, one an image.

    Raises:
        InputError: it has none, or has none for some of its images.
    """
    if not dataset.captions:
        raise InputError(
            f"{dataset.name} has no captions. Use glyphs, digits, emoji, or a folder with a captions.jsonl."
        )
    empty = [index for index, caption in enumerate(dataset.captions) if not caption.strip()]
    if empty or len(dataset.captions) != len(dataset):
        missing = len(empty) + max(0, len(dataset) - len(dataset.captions))
        first = empty[0] if empty else len(dataset.captions)
        raise InputError(
            f"{dataset.name} has no caption for {missing} of {len(dataset)} images, the first is image {first} of its"
            f" split {dataset.split!r}. Write one for each."
        )
    return dataset.captions
