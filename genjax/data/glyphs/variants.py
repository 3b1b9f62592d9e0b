"""Which of the two sets of drawn glyphs a spec means: plain ones, or captioned ones."""

from genjax.data.dataset import Dataset
from genjax.data.glyphs.captioned import load_captioned_glyphs
from genjax.data.glyphs.drawing import VARIANTS, load_glyphs
from genjax.data.request import Request
from genjax.errors import lookup

CAPTIONED = "captioned"


def load_glyph_variant(variant: str, request: Request) -> Dataset:
    """The glyphs that a request means.

    Args:
        variant: ``digits`` (or "") or ``letters``, see `load_glyphs`; ``captioned``, ``captioned:held_out`` or
            ``captioned:all``, see `load_captioned_glyphs`.
        request: see there.
    Raises:
        InputError: no such variant, or what these two refuse.
    """
    kind, _, rest = variant.partition(":")
    lookup(dict.fromkeys((*VARIANTS, CAPTIONED)), kind or "digits", "variant of glyphs")
    return load_captioned_glyphs(rest, request) if kind == CAPTIONED else load_glyphs(variant, request)
