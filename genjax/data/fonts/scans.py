"""The source `letters`: a folder of scanned characters, an image each, brought to what `fonts` draws.

A file is named by its character: A.png, a.png, 7.jpg. Where names do not tell cases apart, upper_a.png is A and
lower_a.png is a; or a folder is so named, with one image in it.
"""

import hashlib
from pathlib import Path

import numpy as np
from PIL import ImageOps

from genjax.data.dataset import Dataset
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.fonts.placing import place
from genjax.data.images import FORMATS, UNREADABLE, opaque, problem_of, silenced
from genjax.data.large_images import TOO_LARGE, opened
from genjax.data.left_out import warn_once
from genjax.data.request import Request, Spec, choose
from genjax.data.sources.folder_layout import is_note, list_files
from genjax.data.transparency import in_mode
from genjax.errors import InputError, looked_for

MOST_PIXELS = 25_000_000  # of a scan of one letter
LEAST_CONTRAST = 40  # grey levels between paper and ink
CLEAR = 0.75  # part of an image's edge that is of one level, for this to be the paper
DUST = 0.02  # part of the largest piece of ink; what is smaller is none
PREFIXES = ("upper_", "lower_")
SQUARE = np.ones((3, 3))  # a pixel and those around it: pieces may hang together by a corner


def load_letters(path: str, request: Request) -> Dataset:
    """Loads scanned characters, in the order of `CHARACTERS`; none of them is held out.

    Args:
        path: path of the folder, from `request.root` where it is relative.
        request: size, channels, split, number, seed and the pixels of the largest image.
    Raises:
        InputError: no such folder, a file that names no character, one character twice, fewer than two, or a file in
            which no ink can be told from the paper.
    """
    name, root = f"letters:{path}", (request.root or Path()) / Path(path).expanduser()
    files = letter_files(name, root, path)
    with silenced():
        most = min(request.max_pixels, MOST_PIXELS)
        scans = {char: _grey(root / file, f"{name}: {file}", most) for char, file in files.items()}
    sure = {char: _light_edge(scan) for char, scan in scans.items()}
    usual = float(np.mean(list(sure.values())))  # where an edge has both, the paper is that of the others
    letters = {
        char: ink_of(
            scan, light=(light if max(light, 1 - light) >= CLEAR else usual) > 0.5, where=f"{name}: {files[char]}"
        )
        for (char, scan), light in zip(scans.items(), sure.values(), strict=True)
    }
    placed = place(letters, request.size)
    if not placed.one_scale:
        warn_once(
            f"{name}: the letters were not scanned in one scale, and each gets the height that it usually has. Crop"
            " them from one scan to keep how their heights compare."
        )
    chosen = choose(name, request, np.zeros(len(files), bool))
    # Of what is in it, not of where it lies: another folder of the same name is another hand.
    content = hashlib.sha256(placed.images.tobytes()).hexdigest()[:8]
    face = np.array([f"letters:{root.resolve().name}-{content}"] * len(files))
    return Dataset(
        name=name,
        split=request.split,
        images=np.repeat(placed.images, request.channels or 1, axis=-1),
        labels=np.array([CHARACTERS.index(char) for char in files], np.int32),
        class_names=tuple(CHARACTERS),
        factors={"face": face},
    ).take(chosen)


def letter_files(name: str, root: Path, path: str) -> dict[str, str]:
    """Returns {character: file} of a folder, in the order of `CHARACTERS`; readmes and hidden files are no letters.

    Raises:
        InputError: as `load_letters`.
    """
    if not path or not root.is_dir():
        missing = "is no folder" if path and root.exists() else f"does not exist{looked_for(root)}"
        raise InputError(
            f"{name} {missing if path else 'names no folder'}. Name a folder of scanned letters: letters:PATH."
        )
    found: dict[str, str] = {}
    for file in list_files(root).files:
        if is_note(file):
            continue
        char = character_named(file)
        if not char:
            raise InputError(
                f"{name}: {file} names no character. Name each scan by its own: A.png, a.png, 7.png; or upper_a.png and"
                " lower_a.png."
            )
        if char in found:
            raise InputError(f"{name}: {found[char]} and {file} are both {char}. Keep one of them, or rename one.")
        found[char] = file
    if len(found) < 2:
        raise InputError(f"{name} has {len(found) or 'no'} scanned letter{'s' * (not found)}. Use two or more.")
    return {char: found[char] for char in CHARACTERS if char in found}


def character_named(file: str) -> str:
    """Returns the character that a path names by its first folder, or by its own name without one; "" if none."""
    folder, _, base = file.partition("/")
    stem = folder if base else Path(file).stem
    for prefix in PREFIXES:
        if stem.lower().startswith(prefix):
            stem = stem[len(prefix) :]
            stem = stem.upper() if prefix == "upper_" else stem.lower()
            return stem if len(stem) == 1 and stem in CHARACTERS and stem.isalpha() else ""
    return stem if len(stem) == 1 and stem in CHARACTERS else ""


def ink_of(scan: np.ndarray, *, light: bool, where: str) -> np.ndarray:
    """Finds the ink of a scanned letter: white on black, cropped to it, uint8 (h, w).

    Levels are stretched from those of the paper to those of the ink, by so much that the paper's grain becomes black;
    as much is taken from the ink, so that strokes keep their weight. Dust is left out.

    Args:
        scan: uint8 (h, w).
        light: whether the paper is lighter than the ink.
        where: file, for messages.
    Raises:
        InputError: no ink is there.
    """
    levels = scan.astype(np.float32) if not light else 255 - scan.astype(np.float32)
    cut = _threshold(levels.astype(np.uint8))
    paper, ink = levels[levels <= cut], levels[levels > cut]
    if not len(ink) or not len(paper) or np.percentile(ink, 95) - np.median(paper) < LEAST_CONTRAST:
        raise InputError(f"{where}: no ink can be told from the paper. Scan it with more contrast, or leave it out.")
    black, white = float(np.median(paper)), float(np.percentile(ink, 95))
    grain = 3 * 1.4826 * float(np.median(np.abs(paper - black))) / (white - black)  # three standard deviations
    low = min(max(grain, 0.02), 0.4)
    # (level - black) / (white - black), of which low becomes 0 and 1 - low becomes 1
    stretched = np.clip(((levels - black) / (white - black) - low) / (1 - 2 * low), 0, 1)
    kept = np.where(_pieces(stretched > 0.5), np.rint(255 * stretched), 0)
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    return kept[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)


def _pieces(inked: np.ndarray) -> np.ndarray:
    """Returns where the pieces of ink are that are no dust, and a pixel around each, for the grey of its edge."""
    from scipy import ndimage  # a tenth of a second that the other sets do not need

    numbers = np.zeros(inked.shape, np.int32)
    ndimage.label(inked, SQUARE, output=numbers)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0  # of the paper
    return ndimage.binary_dilation((sizes >= DUST * sizes.max())[numbers] & inked, SQUARE)


def _light_edge(scan: np.ndarray) -> float:
    """Returns the part of an image's edge that is of its lighter levels."""
    edge = np.concatenate([scan[0], scan[-1], scan[:, 0], scan[:, -1]])
    return float(np.mean(edge > _threshold(scan)))


def _threshold(levels: np.ndarray) -> int:
    """Returns the level that parts an image's dark pixels from its light ones. (Otsu 1979)"""
    counts = np.bincount(levels.ravel(), minlength=256).astype(np.float64)
    below, total = np.cumsum(counts), counts.sum()
    sums = np.cumsum(counts * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        # (mu * omega - mu_k)^2 / (omega * (1 - omega)): the variance between both parts
        between = (sums[-1] * below / total - sums) ** 2 / (below * (total - below))
    return int(np.argmax(np.nan_to_num(between, posinf=0.0)))


def _grey(path: Path, where: str, most: int) -> np.ndarray:
    """Decodes a scan of at most so many pixels, turned upright, transparent pixels over white: uint8 (h, w)."""
    try:
        with path.open("rb") as file, opened(file, FORMATS) as image:
            large = f"{TOO_LARGE} ({image.width} x {image.height})" if image.width * image.height > most else ""
            grey = None if large else in_mode(opaque(ImageOps.exif_transpose(image)), "L")
    except UNREADABLE as error:
        raise InputError(f"{where} is no image that can be read ({problem_of(error)}). Leave it out.") from None
    if grey is None:
        raise InputError(f"{where} is {large}. Crop it to the letter.")
    return np.asarray(grey)


LETTERS = Spec(
    name="letters",
    load=load_letters,
    forms=("letters:PATH",),
    summary=(
        "a folder of scanned letters and digits, one image each, named by the character (`A.png`, or `upper_a.png` and"
        " `lower_a.png`): cropped to the ink and drawn like `fonts`"
    ),
)
