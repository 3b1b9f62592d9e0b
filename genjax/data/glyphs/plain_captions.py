"""Captions of plain glyphs, in a closed vocabulary: a small bold red seven, tilted left."""

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
COLOUR_WORDS = ("white", "grey", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
VOCABULARY = tuple(
    sorted(
        {"a", "an", "small", "large", "bold", "italic", "letter", ",", "tilted", "left", "right"}
        | set(DIGIT_WORDS)
        | set(LETTERS)
        | set(COLOUR_WORDS)
    )
)
SMALL, LARGE = 0.7, 0.8  # sizes below and above which the words are used, as fractions of the frame
TILTED = 5.0  # smallest angle in degrees that is called tilted
WHITE = 224  # lowest grey level that is called white


def caption(*, symbol: str, colour: str, size: float, weight: str, slant: str, angle: float) -> str:
    """Describes a drawn glyph in one sentence; default values (regular, upright, medium size) are left out.

    Args:
        symbol: digit or capital letter.
        colour: word in `COLOUR_WORDS`.
        size: longer side of the inked box, as a fraction of the frame.
        weight: regular or bold.
        slant: upright or italic.
        angle: rotation in degrees, anticlockwise.
    """
    noun = DIGIT_WORDS[int(symbol)] if symbol.isdigit() else f"letter {symbol}"
    words = [size_word(size), weight.replace("regular", ""), slant.replace("upright", ""), colour, noun]
    phrase = " ".join(word for word in words if word)
    article = "an" if phrase[0] in "aeiou" else "a"
    return f"{article} {phrase}{tilt_words(angle)}"


def size_word(size: float) -> str:
    """Returns ``small``, ``large``, or "" in between."""
    return "small" if size < SMALL else "large" if size > LARGE else ""


def tilt_words(angle: float) -> str:
    """Returns ``, tilted left`` for anticlockwise, ``, tilted right`` for clockwise, or "" for a small angle."""
    if abs(angle) < TILTED:
        return ""
    return f", tilted {'left' if angle > 0 else 'right'}"


def grey_word(level: int) -> str:
    """Returns ``white`` or ``grey`` for a grey level from 0 to 255."""
    return "white" if level >= WHITE else "grey"


def words(sentence: str) -> list[str]:
    """Splits a caption into words, a comma being one; for a sentence of `caption` all are in `VOCABULARY`."""
    return sentence.replace(",", " ,").split()
