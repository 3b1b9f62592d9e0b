"""Weights files of fixed networks, which must be the published ones: their sha256 is checked before they are used."""

import hashlib
from pathlib import Path

import numpy as np

from genjax.errors import InputError


def read_published(path: Path, sha256: str, *, advice: str) -> bytes:
    """Reads a weights file, if it is the published one.

    Args:
        path: place of the file.
        sha256: hash of its content, in hex.
        advice: sentence for the error message: what to do.
    Returns:
        The content of the file.
    Raises:
        InputError: the file is missing, or another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the weights {path} cannot be read ({error.strerror}). {advice}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"the weights {path} are not those of this extractor: sha256 {found[:12]}, expected {sha256[:12]}."
            f" Features of other weights cannot be compared. {advice}"
        )
    return content


def read_weights(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Reads a safetensors file that comes with genjax, if it is the published one.

    Args:
        path: place of the file.
        sha256: hash of its content, in hex.
    Returns:
        {name: float32 array}.
    Raises:
        InputError: the file is missing, or another one.
    """
    import safetensors.numpy

    content = read_published(path, sha256, advice="Install genjax again.")
    return {name: array.astype(np.float32) for name, array in safetensors.numpy.load(content).items()}
