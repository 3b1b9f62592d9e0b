"""The source `glyphs`: chooses between plain drawn glyphs and captioned ones."""

from genjax.data.dataset import Dataset
from genjax.data.glyphs.captioned import load_captioned_glyphs
from genjax.data.glyphs.drawing import VARIANTS, load_glyphs
from genjax.data.request import Request, Spec
from genjax.errors import lookup

CAPTIONED = "captioned"


def load_glyph_variant(variant: str, request: Request) -> Dataset:
    """Loads glyphs of the given variant.

    Args:
        variant: ``digits`` (or "") or ``letters``, see `load_glyphs`; ``captioned``, ``captioned:held_out`` or
            ``captioned:all``, see `load_captioned_glyphs`.
        request: size, channels, split, number and seed.
    Raises:
        InputError: no such variant, or a request that the chosen loader refuses.
    """
    kind, _, rest = variant.partition(":")
    lookup(dict.fromkeys((*VARIANTS, CAPTIONED)), kind or "digits", "variant of glyphs")
    return load_captioned_glyphs(rest, request) if kind == CAPTIONED else load_glyphs(variant, request)


SPEC = Spec(
    name="glyphs",
    load=load_glyph_variant,
    forms=("glyphs", "glyphs:letters", f"glyphs:{CAPTIONED}"),
    summary=(
        "digits or capitals drawn from the fonts that matplotlib ships, any number of them, every factor known and a"
        " caption each; the held-out ones are in other fonts"
    ),
    captions="glyphs",
    captioned_variant=CAPTIONED,
)
