"""The source `digits`: 1,797 handwritten digits of 8x8 pixels from scikit-learn, white strokes on black, ten classes.

Source: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository.
"""

import numpy as np

from genjax.data.dataset import Dataset
from genjax.data.glyphs.plain_captions import DIGIT_WORDS
from genjax.data.images import fit
from genjax.data.request import Request, Spec, choose, held_out
from genjax.errors import InputError

CLASSES = 10
LEVELS = 16  # scikit-learn's pixels are 0 to 16
CAPTIONED = "captioned"


def load_digits(variant: str, request: Request) -> Dataset:
    """Loads handwritten digits. A fifth of each class is held out, always the same images.

    Args:
        variant: "" for none; ``captioned`` for RGB images, each with a sentence in the grammar of captioned glyphs,
            "a white seven".
        request: size, channels, split, number and seed.
    Raises:
        InputError: another variant, more images requested than there are, or captioned ones in grey.
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


SPEC = Spec(
    name="digits",
    load=load_digits,
    forms=("digits", f"digits:{CAPTIONED}"),
    summary="1,797 handwritten digits of scikit-learn, a fifth held out",
    captions="digits",
    captioned_variant=CAPTIONED,
)
