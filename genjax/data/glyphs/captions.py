"""The grammar of `glyphs:captioned`: `caption` writes a sentence, `parse` reads it.

An example is "two small red bold sevens, tilted left". A sentence has a number, `small`, the weight and the colour in
either order, the digit, and the side to which it is tilted. Default values (ordinary size, regular weight, upright) are
left out.
"""

from dataclasses import dataclass

from genjax.data.glyphs.drawing import COLOURS
from genjax.data.glyphs.plain_captions import DIGIT_WORDS
from genjax.errors import InputError, did_you_mean

PLURALS = tuple(f"{word}es" if word.endswith("x") else f"{word}s" for word in DIGIT_WORDS)
SPOKEN_COUNTS = {"a": 1, "an": 1, "two": 2}


@dataclass(frozen=True)
class Attributes:
    """The attributes that a caption names; `VALUES` lists the values of each.

    Attributes:
        count: number of glyphs, all alike, 1 or 2.
        size: small or ordinary.
        weight: regular or bold.
        colour: colour of the ink.
        glyph: digit, "0" to "9".
        tilt: upright, left (anticlockwise) or right.
    """

    count: int
    size: str
    weight: str
    colour: str
    glyph: str
    tilt: str


VALUES: dict[str, tuple] = {  # the first is the default, which a caption leaves out if the grammar allows that
    "count": (1, 2),
    "size": ("ordinary", "small"),
    "weight": ("regular", "bold"),
    "colour": tuple(COLOURS),
    "glyph": tuple("0123456789"),
    "tilt": ("upright", "left", "right"),
}
VOCABULARY = tuple(
    sorted({*SPOKEN_COUNTS, "small", "bold", ",", "tilted", "left", "right", *COLOURS, *DIGIT_WORDS, *PLURALS})
)


def caption(attributes: Attributes, *, colour_first: bool = False) -> str:
    """Writes the sentence for some attributes.

    Args:
        attributes: attributes to name.
        colour_first: True puts the colour before the weight.
    """
    weight = attributes.weight.replace("regular", "")
    described = [attributes.colour, weight] if colour_first else [weight, attributes.colour]
    noun = (DIGIT_WORDS if attributes.count == 1 else PLURALS)[int(attributes.glyph)]
    words = [attributes.size.replace("ordinary", ""), *described, noun]
    phrase = " ".join(word for word in words if word)
    article = "two" if attributes.count == 2 else "an" if phrase[0] in "aeiou" else "a"
    tilt = "" if attributes.tilt == "upright" else f", tilted {attributes.tilt}"
    return f"{article} {phrase}{tilt}"


def parse(sentence: str) -> Attributes:
    """Reads the attributes from a sentence of the grammar, in capitals or not.

    Raises:
        InputError: the sentence is not in the grammar.
    """
    words = sentence.lower().replace(",", " , ").split()
    for word in words:
        if word not in VOCABULARY:
            raise InputError(f"{sentence!r} has the word {word!r}. {did_you_mean(word, list(VOCABULARY))}")
    nouns = {noun: str(digit) for names in (DIGIT_WORDS, PLURALS) for digit, noun in enumerate(names)}
    digits = [nouns[word] for word in words[1:] if word in nouns]  # the first word may be the number two
    colours = [word for word in words if word in COLOURS]
    if words and digits and colours:
        found = Attributes(
            count=SPOKEN_COUNTS.get(words[0], 1),
            size="small" if "small" in words else "ordinary",
            weight="bold" if "bold" in words else "regular",
            colour=colours[0],
            glyph=digits[0],
            tilt=words[-1] if words[-1] in VALUES["tilt"] else "upright",
        )
        if " ".join(words) in {caption(found, colour_first=first).replace(",", " ,") for first in (False, True)}:
            return found
    raise InputError(
        f"{sentence!r} is not of the form [a|an|two] [small] [bold] COLOUR DIGIT[, tilted left|right]."
        " Say it like: two small bold red sevens, tilted left."
    )
