"""Fuzzer: damages files by chance, seeded, and reads them; only clean errors may come of it.

A case is a number: the same number damages the same file in the same way. Harmless damage may be read; whatever cannot
be used must be refused by an InputError, in one line, in seconds.
"""

import contextlib
import io
import re
import shutil
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.faults.fuzz_targets import TARGETS, prepare
from genjax.errors import InputError

LIMIT = 10  # seconds a case may take
HOSTILE = (
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"99999999999999999999", b"null", b"true", b"[]", b"{}", b'""', b"0.5"),
    *(b'"../../../../../../etc/passwd"', b'"\\u0000"', b'"<script>alert(1)</script>"', b"\xff\xfe", b"\x00" * 9),
    *(b"[" * 100_000, b'{"a":' * 50_000, b'"' + b"A" * 100_000 + b'"', b"9" * 5000, b"\n", b"'", b"\\"),
)


class Slow(Exception):
    """A case takes longer than it may."""


def fuzz(kind: str, cases: int, *, work: Path, seed: int = 0, first: int = 0) -> dict[str, Any]:
    """Damages and reads files so many times, in this process.

    Args:
        kind: name in `TARGETS`.
        cases: number of cases.
        work: folder; `work/cases.txt` names the one at hand, in case that it takes the process down.
        seed: seed of the damage.
        first: number of the first case.
    """
    sound, folder = work / "sound", work / "damaged"
    shutil.rmtree(work, ignore_errors=True)
    sound.mkdir(parents=True)
    prepare(kind, sound)
    target = TARGETS[kind]
    found: dict[str, Any] = {"cases": 0, "refused": 0, "harmless": 0, "slowest": 0.0, "violations": []}
    for number in range(first, first + cases):
        rng = np.random.default_rng((seed, number, len(kind), ord(kind[0])))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        files = target.files(folder)
        path = files[rng.integers(len(files))]
        how = damage(path, rng)
        (work / "cases.txt").write_text(f"{kind} {number}: {how} {path.relative_to(folder)}")
        began = time.monotonic()
        outcome, said = attempt(lambda: target.read(folder))
        found["slowest"] = max(found["slowest"], round(time.monotonic() - began, 3))
        found["cases"] += 1
        found["refused" if outcome == "refused" else "harmless"] += 1
        if outcome == "violation":
            found["violations"].append(f"{kind} {number}: {how} {path.relative_to(folder)}: {said}")
    return found


def attempt(read: Callable[[], object]) -> tuple[str, str]:
    """Reads once; returns ("harmless", "refused" or "violation", a sentence on it)."""

    def stop(number: int, frame: object) -> None:
        raise Slow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    silent = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(silent), contextlib.redirect_stdout(silent):
            warnings.simplefilter("ignore")
            read()
        return "harmless", ""
    except InputError as error:
        one_line = "\n" not in str(error) and len(str(error)) < 2000
        return ("refused", "") if one_line else ("violation", f"not one short line: {str(error)[:200]!r}")
    except Slow:
        return "violation", f"longer than {LIMIT} s"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "violation", f"{type(error).__name__}: {str(error)[:150]} ({Path(place.filename).name}:{place.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def damage(path: Path, rng: np.random.Generator) -> str:
    """Damages a file in one of eleven ways; returns which."""
    content = path.read_bytes()
    how = rng.choice(
        ["cut", "flip", "insert", "drop", "zero", "repeat", "replace", "empty", "delete", "hostile", "swap"]
    )
    at, length = int(rng.integers(len(content) + 1)), int(rng.integers(1, 65))
    if how == "delete":
        path.unlink()
        return how
    path.write_bytes(_damaged(str(how), content, at, length, rng))
    return f"{how} at {at} of"


def _damaged(how: str, content: bytes, at: int, length: int, rng: np.random.Generator) -> bytes:
    if how == "cut":
        return content[:at]
    if how == "flip" and content:
        flipped = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 17)):
            flipped[place] ^= 1 << int(rng.integers(8))
        return bytes(flipped)
    if how == "insert":
        return content[:at] + rng.bytes(length) + content[at:]
    if how == "drop":
        return content[:at] + content[at + length :]
    if how == "zero":
        return content[:at] + bytes(len(content[at : at + length])) + content[at + length :]
    if how == "repeat":
        return content[: at + length] + content[at:]
    if how == "replace":
        return rng.bytes(length * 16)
    if how in ("hostile", "swap"):
        return _hostile(content, rng)
    return b""


def _hostile(content: bytes, rng: np.random.Generator) -> bytes:
    """Replaces one value of a text, such as a number of a config, by something that should not be there."""
    values = list(
        re.finditer(rb'(?<=[:\[ ])(-?[\d.e+-]+|"[^"]*"|true|false|null|\{|\[)(?=[,\]}\s])', content[:200_000])
    )
    new = HOSTILE[rng.integers(len(HOSTILE))]
    if not values:
        at = int(rng.integers(len(content) + 1))
        return content[:at] + new + content[at:]
    found = values[rng.integers(len(values))]
    return content[: found.start()] + new + content[found.end() :]
