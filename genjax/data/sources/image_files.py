"""The files of a set of images, wherever they lie: in a folder on disk or in an archive."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from genjax.data.images import Probe, decode, probe
from genjax.data.large_images import MAX_PIXELS
from genjax.errors import InputError


class ImageFiles(NamedTuple):
    """The files of a set, and what is said of them beside.

    Attributes:
        paths: paths of the files that may be images, with slashes, sorted. Splits and classes are read from them.
        left_out: {path: reason} of files that are not opened.
        captions: paths of the files that hold captions.
        open: function path -> its place on disk or its content, for any thread. It raises InputError with only the
            reason if the content cannot be had.
        labels: {path: name of its class} where a file says the classes; None where the folders are classes.
        described: {path: caption} of captions that lie in a .json beside each image.
        max_pixels: pixels of the largest image that is decoded.
    """

    paths: list[str]
    left_out: dict[str, str]
    captions: list[str]
    open: Callable[[str], Path | IO[bytes]]
    labels: Mapping[str, str] | None = None
    described: Mapping[str, str] = {}
    max_pixels: int = MAX_PIXELS

    def probe(self, path: str) -> Probe:
        """Reads the head of a file."""
        try:
            return probe(self.open(path), max_pixels=self.max_pixels)
        except InputError as error:
            return Probe(False, str(error))

    def decode(self, path: str, size: int, channels: int) -> np.ndarray:
        """Decodes a file, as `genjax.data.images.decode`."""
        return decode(self.open(path), size, channels, max_pixels=self.max_pixels)
