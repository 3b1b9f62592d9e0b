"""The list of feature extractors, and `load_extractor` by name.

Metrics compare features of a fixed network instead of pixels. embedded-v1, which comes with genjax, is for characters;
efflite0 and the standard Inception are for photographs; random-v1 was trained on nothing. A new one is a file with its
`SPEC`, and a line here. These files import jax when a network is built, not before.
"""

import functools

from genjax.errors import InputError, lookup
from genjax.evaluate.features import efflite, embedded, inception, random
from genjax.evaluate.features.extractor import Extractor, ExtractorSpec

SPECS = (embedded.SPEC, random.SPEC, efflite.SPEC, inception.SPEC)
EXTRACTORS: dict[str, ExtractorSpec] = {spec.name: spec for spec in SPECS}


@functools.cache  # the weights never change, and a network compiled twice would be the slowest part of an evaluation
def load_extractor(name: str = "embedded-v1") -> Extractor:
    """Loads the extractor of that name, ready to use.

    Args:
        name: key of `EXTRACTORS`; for inception with its weights file, as in
            ``inception:~/pt_inception-2015-12-05.pth``.
    Raises:
        InputError: no such extractor, or a weights file that is missing or not the one that belongs to it.
    """
    kind, colon, path = name.partition(":")
    spec = lookup(EXTRACTORS, kind, "extractor")
    if spec.takes_file:
        return spec.build(path)
    if colon:
        raise InputError(f"the extractor {kind} has weights of its own, and takes no file. Use {kind} alone.")
    return spec.build()


def extractors_help() -> str:
    """Returns a line for each extractor, for the help of --extractor and for documentation."""
    return "\n".join(f"{spec.name}: {spec.summary}" for spec in EXTRACTORS.values())
