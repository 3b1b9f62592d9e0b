"""A byte-pair vocabulary trained on the captions: frequent words are one token, rare ones several.

It starts from all 256 bytes, so that it can encode any text. (Sennrich et al. 2016) It suits captions in many words,
most of which would occur only once in a closed vocabulary. The library tokenizers, which only this file imports, trains
and applies it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genjax.errors import InputError
from genjax.families.text.vocabulary import (
    Vocabulary,
    check_lengths,
    check_texts,
    padded,
    text_length,
    tidy,
    unpadded,
)

BYTES = 256


def byte_pair_vocabulary(captions: Sequence[str], *, size: int = 1024, length: int = 0) -> Vocabulary:
    """Trains a vocabulary that merges byte pairs in the order of their frequency.

    Args:
        captions: captions of a set; their frequency matters, their order does not.
        size: largest number of tokens; few captions give fewer.
        length: length of a text in tokens; 0 takes that of the longest caption.
    Raises:
        InputError: no caption, an empty or too long one, a size that leaves no room beside the bytes, or the library
            is missing.
    """
    check_texts(captions)
    if size <= BYTES:
        raise InputError(
            f"a byte-pair vocabulary of {size} tokens was asked for, expected more than {BYTES}, the bytes."
        )
    trained = _trained(sorted(tidy(caption) for caption in captions), size)
    rows = [trained.encode(tidy(caption)).ids for caption in captions]
    return byte_pair_from(trained.to_str(), text_length(captions, rows, length, "tokens"))


def byte_pair_from(description: str, length: int) -> Vocabulary:
    """Builds a vocabulary from its description.

    Args:
        description: JSON text of the library tokenizers.
        length: length of a text in tokens.
    Raises:
        InputError: the description cannot be read, or the library is missing.
    """
    library = _library()
    try:
        tokenizer = library.Tokenizer.from_str(description)
    except Exception as error:  # the library raises no narrower type
        raise InputError(f"the byte-pair vocabulary cannot be read ({error}). Restore it.") from None
    words = tokenizer.get_vocab_size()

    def encode(captions: Sequence[str]) -> np.ndarray:
        check_texts(captions)
        rows = [tokenizer.encode(tidy(caption)).ids for caption in captions]
        check_lengths(captions, rows, length, "tokens")
        return padded(rows, words=words, length=length)

    def decode(given: np.ndarray) -> list[str]:
        rows = unpadded(given, words=words, length=length)
        return [tokenizer.decode(row, skip_special_tokens=False).strip() for row in rows]

    return Vocabulary("byte_pair", words, length, encode, decode, {"tokenizer": description})


def _trained(captions: Sequence[str], size: int) -> Any:
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    # Every word begins with a space, so that the first word of a text has the token that it has elsewhere.
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = library.decoders.ByteLevel()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(captions, trainer)
    return tokenizer


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise InputError(
            'a byte-pair vocabulary needs the package tokenizers. Install it: pip install "genjax-images[text]".'
        ) from None
    return tokenizers
