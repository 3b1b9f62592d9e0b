"""Sentences that describe drawn glyphs, in a closed vocabulary of plain words: a small bold red seven, tilted left."""

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
SMALL, LARGE = 0.7, 0.8  # below and above these sizes, as parts of the frame
TILTED = 5.0  # degrees, from which a glyph is called so
WHITE = 224  # grey level from which ink is called white


def caption(*, symbol: str, colour: str, size: float, weight: str, slant: str, angle: float) -> str:
    """What a drawn glyph looks like, in one sentence; what is ordinary goes unsaid.

    Args:
        symbol: a digit or a capital letter.
        colour: one of `COLOUR_WORDS`.
        size: of the inked box, as part of the frame.
        weight: regular or bold.
        slant: upright or italic.
        angle: degrees, anticlockwise.
    """
    noun = DIGIT_WORDS[int(symbol)] if symbol.isdigit() else f"letter {symbol}"
    words = [size_word(size), weight.replace("regular", ""), slant.replace("upright", ""), colour, noun]
    phrase = " ".join(word for word in words if word)
    article = "an" if phrase[0] in "aeiou" else "a"
    return f"{article} {phrase}{tilt_words(angle)}"


def size_word(size: float) -> str:
    """``small``, ``large``, or nothing in between."""
    return "small" if size < SMALL else "large" if size > LARGE else ""


def tilt_words(angle: float) -> str:
    """``, tilted left`` for anticlockwise, ``, tilted right`` for clockwise, or nothing."""
    if abs(angle) < TILTED:
        return ""
    return f", tilted {'left' if angle > 0 else 'right'}"


def grey_word(level: int) -> str:
    """The word for ink of a grey level from 0 to 255."""
    return "white" if level >= WHITE else "grey"


def words(sentence: str) -> list[str]:
    """The words of a caption, a comma being one; all of `VOCABULARY` where `caption` wrote it."""
    return sentence.replace(",", " ,").split()
