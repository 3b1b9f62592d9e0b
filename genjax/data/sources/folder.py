"""The source `folder`: image files of any format, size and mode; sub-folders, if any, are classes.

Layouts: images in the folder itself, or all of them in folders named after their classes, at any depth. Either layout
may be repeated in ``train/`` and ``test/`` or ``val/``, in any usual spelling, which fixes the held-out images;
otherwise a fifth is held out, by the files' names. What is left out is counted, by reason. Captions are optional, see
`genjax.data.sources.folder_captions`. The content of a file decides its format, not its suffix.
"""

from pathlib import Path

from genjax.data.dataset import Dataset
from genjax.data.files import Files, open_file, stat_of
from genjax.data.images import FORMAT_NAMES
from genjax.data.request import Request, Spec
from genjax.data.sources.archive_members import SUFFIXES
from genjax.data.sources.folder_captions import KINDS
from genjax.data.sources.folder_layout import LABELS, list_files
from genjax.data.sources.image_files import ImageFiles, load_files
from genjax.data.sources.sidecars import parse_labels
from genjax.errors import InputError, looked_for


def load_folder(path: str, request: Request) -> Dataset:
    """Loads the images in a folder, in the order of their names.

    Args:
        path: path of the folder, from `request.root` where it is relative.
        request: size, channels, split, number and seed. 0 channels give grey images only if all files of the folder
            are grey. With a number and without `skip_broken` only the images of the request are decoded.
    Raises:
        InputError: no such folder, no image in it, another layout, captions that do not match the files, or files that
            are not images.
    """
    name, root = f"folder:{path}", _existing(path, request)
    listing = list_files(root)
    stats = {file: stat_of(root / file) for file in listing.files}
    files = Files(
        name,
        str(root.resolve()),
        stats,
        sum(stat.size for stat in stats.values() if stat),
        open=lambda file: open_file(root / file),
        max_pixels=request.max_pixels,
    )
    labels = _listed_labels(name, root, listing.files)
    return load_files(ImageFiles(files, listing.left_out, listing.captions, labels), request)


def _existing(path: str, request: Request) -> Path:
    root = (request.root or Path()) / Path(path).expanduser()
    if path and root.is_file() and path.lower().endswith(SUFFIXES):
        raise InputError(f"folder:{path} is an archive. It is read without unpacking: archive:{path}.")
    if not path or not root.is_dir():
        missing = f"does not exist{looked_for(root)}"
        reason = "is no folder" if path and root.exists() else missing if path else "names no folder"
        raise InputError(f"folder:{path} {reason}. Name a folder of images ({FORMAT_NAMES}): folder:PATH.")
    return root


def _listed_labels(name: str, root: Path, paths: list[str]) -> dict[str, str] | None:
    """Reads the classes in a ``dataset.json``; None if there is none."""
    source = root / LABELS
    return parse_labels(name, source.read_bytes(), paths) if source.is_file() else None


def reads_below(spec: str, place: Path) -> bool:
    """Returns whether a spec is of a folder, of images or of letters, that is, or lies around, this place."""
    source, _, path = spec.partition(":")
    root = Path(path).expanduser().resolve()
    return source in (SPEC.name, "letters") and bool(path) and place.resolve().is_relative_to(root)


SPEC = Spec(
    name="folder",
    load=load_folder,
    forms=("folder:PATH",),
    summary=(
        "PNG, JPEG, WebP, GIF, BMP, TIFF and AVIF of any size and mode; sub-folders are classes, `train/` and `test/`"
        f" or `val/` are splits; captions are optional: {KINDS}"
    ),
    captions=f"a folder with captions ({KINDS})",
    has_folders=True,
)
