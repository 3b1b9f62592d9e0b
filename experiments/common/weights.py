"""Weights that are published: 16 bits a number, in a safetensors file that is known by its sha256."""

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy

from genjax.errors import InputError
from genjax.tree import Tree, flatten


def check_new(out: Path, *, force: bool) -> None:
    """Raises InputError for a file that is there and is not to be written over."""
    if out.exists() and not force:
        raise InputError(f"--out {out} exists already. Use --force to write over it, or another name.")


def rounded(tree: Any) -> Any:
    """Rounds numbers to 16 bits, so that what is measured is what is published."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float16).astype(np.float32), tree)


def packed(tree: Tree, **about: str) -> tuple[bytes, str]:
    """Returns the content of the file of these parameters, with what it says of itself, and its sha256 in hex."""
    stored = {name: np.asarray(leaf, np.float16) for name, leaf in flatten(tree).items()}
    content = safetensors.numpy.save(stored, metadata=about or None)
    return content, hashlib.sha256(content).hexdigest()
