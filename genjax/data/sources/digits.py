"""Handwritten digits that come with scikit-learn: 1,797 of 8x8 pixels, white strokes on black, ten classes.

Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository.
"""

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.images import fit
from genjax.data.request import Request, choose, held_out
from genjax.data.sources.captions import DIGIT_WORDS
from genjax.errors import InputError

CLASSES = 10
LEVELS = 16  # a pixel is from 0 to 16
CAPTIONED = "captioned"


def load_digits(variant: str, request: Request) -> Dataset:
    """The digits that a request means. A fifth of each class is held out, the same for every seed, for ever.

    Args:
        variant: none; or `captioned`: in colour, each with a sentence of captioned glyphs, "a white seven".
        request: size and part.
    Raises:
        InputError: another variant, more images wanted than there are, or captioned ones in grey.
    """
    if variant not in ("", CAPTIONED):
        raise InputError(f"digits has no variant {variant!r}. Use digits, or digits:captioned.")
    if variant and request.channels == 1:
        raise InputError("--channels 1: the captions of digits:captioned name a colour. Use --channels 3, or 0.")
    channels = 3 if variant else request.channels or 1
    from sklearn import datasets  # half a second that the other sets do not need

    pixels, labels = datasets.load_digits(return_X_y=True)
    indices = choose("digits", request, _held_out_of_each(labels))
    strokes = np.rint(pixels[indices].reshape(-1, 8, 8) * (255 / LEVELS)).astype(np.uint8)
    return Dataset(
        name=f"digits:{variant}" if variant else "digits",
        split=request.split,
        images=np.stack([fit(image, request.size, channels) for image in strokes]),
        labels=labels[indices].astype(np.int32),
        class_names=tuple(str(digit) for digit in range(CLASSES)),
        captions=tuple(f"a white {DIGIT_WORDS[label]}" for label in labels[indices]) if variant else (),
    )


def _held_out_of_each(labels: np.ndarray) -> np.ndarray:
    chosen = np.zeros(len(labels), bool)
    for digit in range(CLASSES):
        members = np.flatnonzero(labels == digit)
        chosen[members] = held_out([f"digits/{i}" for i in members])
    return chosen
