"""Sets that a model of text can learn from: those with a sentence for every image."""

from genjax.data.dataset import Dataset
from genjax.errors import InputError


def require_captions(dataset: Dataset) -> tuple[str, ...]:
    """The captions of a set, one an image.

    Raises:
        InputError: it has none, or has none for some of its images.
    """
    if not dataset.captions:
        raise InputError(
            f"{dataset.name} has no captions. Use glyphs:captioned, emoji, or a folder with a captions.jsonl."
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
