"""Captions as numbers: a closed vocabulary of words, or byte pairs, with the same interface. Knows numpy alone."""

from genjax.families.text_to_image.text.byte_pair import byte_pair_vocabulary
from genjax.families.text_to_image.text.files import dump_vocabulary, load_vocabulary
from genjax.families.text_to_image.text.vocabulary import Vocabulary
from genjax.families.text_to_image.text.words import word_vocabulary

VOCABULARIES = {"words": word_vocabulary, "byte_pair": byte_pair_vocabulary}

__all__ = [
    "VOCABULARIES",
    "Vocabulary",
    "byte_pair_vocabulary",
    "dump_vocabulary",
    "load_vocabulary",
    "word_vocabulary",
]
