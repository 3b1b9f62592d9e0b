"""The options by which a folder of files is read, as `load`, every run and `Request` have them."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from genjax.data.large_images import MAX_PIXELS
from genjax.errors import InputError

Missing = Literal["require", "drop", "empty"]


@dataclass(frozen=True)
class ReadingOptions:
    """Holds the options by which a folder of files is read: whatever has them derives from this class."""

    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    class_depth: int = 1
    """Folders that name the class of an image: 1 is the first below the set or its split, 2 are animals/cats, ..."""
    captions: Missing = "require"
    """Images of a folder without a caption, where a model reads captions: refuse the set, drop them, or leave theirs
    empty."""

    max_pixels: int = MAX_PIXELS
    """Pixels of the largest image file that is decoded, which takes 4 bytes of memory for each; larger ones are left
    out. Of a JPEG those count to which it is shrunk while it is decoded."""

    @property
    def reading(self) -> dict[str, Any]:
        """Returns {option: value}, to be handed on."""
        return {one.name: getattr(self, one.name) for one in fields(ReadingOptions)}


def check_class_depth(depth: int) -> None:
    """Raises InputError for a number of folders that could name no class."""
    if depth < 1:
        raise InputError(f"--class-depth {depth} names no class. Use 1 or more.")
