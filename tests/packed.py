"""Archives that tests pack."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

PACKERS = {".tar.gz": gzip.compress, ".tar.xz": lzma.compress, ".tar.bz2": bz2.compress}
KINDS = (".zip", ".tar", *PACKERS)


def png(level: int = 200) -> bytes:
    """An image of one grey level, and one darker row."""
    pixels = np.full((12, 20), level, np.uint8)
    pixels[0] = level // 2
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


def packed(path: Path, files: Mapping[str, bytes]) -> str:
    """Writes an archive of the kind that its suffix says, and returns its spec."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = next((kind for kind in PACKERS if path.name.endswith(kind)), "")
    path.write_bytes(PACKERS[kind](tar(files)) if kind else zipped(files) if path.suffix == ".zip" else tar(files))
    return f"archive:{path}"


def unpacked(root: Path, files: Mapping[str, bytes]) -> str:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return f"folder:{root}"


PETS = {f"{'dog' if i % 2 else 'cat'}/{i}.png": png(20 * i + 20) for i in range(10)}
LINES = "\n".join(json.dumps({"file": file, "caption": f"a pet, {file}"}) for file in PETS).encode()
