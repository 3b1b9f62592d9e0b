"""Vocabularies that turn captions into tokens: a closed one of words, or byte pairs. They do not need JAX."""

from genjax.families.text.byte_pair import byte_pair_vocabulary
from genjax.families.text.files import dump_vocabulary, load_vocabulary
from genjax.families.text.vocabulary import Vocabulary
from genjax.families.text.words import word_vocabulary

VOCABULARIES = {"words": word_vocabulary, "byte_pair": byte_pair_vocabulary}

__all__ = [
    "VOCABULARIES",
    "Vocabulary",
    "byte_pair_vocabulary",
    "dump_vocabulary",
    "load_vocabulary",
    "word_vocabulary",
]
