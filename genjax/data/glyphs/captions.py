"""The sentences of captioned glyphs, both ways: two small red bold sevens, tilted left.

A closed grammar: a number, `small`, the weight and the colour in either order, the digit, and to which side it is
tilted. What is ordinary goes unsaid. `parse` is the inverse of `caption`: it says what a sentence asks for.
"""

from dataclasses import dataclass

from genjax.data.glyphs.drawing import COLOURS
from genjax.data.sources.captions import DIGIT_WORDS
from genjax.errors import InputError, did_you_mean

PLURALS = tuple(f"{word}es" if word.endswith("x") else f"{word}s" for word in DIGIT_WORDS)
SPOKEN_COUNTS = {"a": 1, "an": 1, "two": 2}


@dataclass(frozen=True)
class Attributes:
    """What a caption says of an image; `VALUES` has what each may be.

    Attributes:
        count: how many glyphs, all alike.
        size: small or ordinary.
        weight: regular or bold.
        colour: of the ink.
        glyph: a digit.
        tilt: left is anticlockwise.
    """

    count: int
    size: str
    weight: str
    colour: str
    glyph: str
    tilt: str


VALUES: dict[str, tuple] = {  # the first is what goes unsaid where a caption may leave it out
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
    """The sentence.

    Args:
        attributes: to be said.
        colour_first: whether the colour comes before the weight.
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
    """What a sentence of the grammar says, in capitals or not.

    Raises:
        InputError: it is not of the grammar.
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
