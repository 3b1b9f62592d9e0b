"""Draws all faces once: what was drawn is kept in the cache of decoded sets."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
from PIL import features

from genjax.data import cache
from genjax.data.files import Stat
from genjax.data.fonts.drawing import CHARACTERS, draw_face
from genjax.data.fonts.faces import Face
from genjax.data.images import Probe
from genjax.errors import InputError
from genjax.terminal import progress

FORMAT = 1  # of what is kept; to be raised whenever the same face becomes other pixels
WHOLE = "all characters"  # the one row of an entry


def draw_faces(faces: Sequence[Face], size: int) -> np.ndarray:
    """Returns the images of all `CHARACTERS` of each face: uint8 (faces * 62, size, size, 1), face by face.

    Raises:
        InputError: a file that cannot be drawn, or lacks a character.
    """
    path = cache.drawn_path(_what(faces, size))
    kept = cache.read_entry(path) if path else None
    if kept is not None and zlib.crc32(np.ascontiguousarray(kept.pixels).data) == kept.rows[WHOLE].checksum:
        return np.array(kept.pixels)
    images = np.empty((len(faces) * len(CHARACTERS), size, size, 1), np.uint8)
    with progress("drawing fonts", done=0, total=len(images), delay=1.0) as bar:
        for number, face in enumerate(faces):
            drawn, found = draw_face(face.path, face.axes, size)
            if found != CHARACTERS:
                raise InputError(f"{face.path.name} of {face.family} is not as it was published. Install it again.")
            images[number * len(CHARACTERS) : (number + 1) * len(CHARACTERS)] = drawn
            bar.update(len(CHARACTERS))
    if path:
        with suppress(OSError):  # a full disk only costs the time to draw them again
            _keep(path, f"fonts, {len(faces)} faces", images)
    return images


def _keep(path: Path, place: str, images: np.ndarray) -> None:
    room = cache.allocate(path.parent, images.shape)
    room[:] = images
    row = cache.Row(0, Stat(0, 0), Probe(grey=True), zlib.crc32(images.data))
    cache.finish(room, {WHOLE: row}, path, place=place, began=0)


def _what(faces: Sequence[Face], size: int) -> list:
    """Returns all that the pixels depend on."""
    files = [(face.name, zlib.crc32(face.path.read_bytes())) for face in faces]
    return [FORMAT, files, size, PIL.__version__, features.version("freetype2")]
