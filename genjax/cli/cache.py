"""`genjax cache`: says which decoded sets are kept, and clears them."""

import json
import time
from dataclasses import dataclass

from genjax.errors import StorageError, one_line
from genjax.terminal import result, say, table

MIB = 1 << 20


@dataclass(frozen=True)
class CacheCommand:
    """Says which sets are kept decoded in the user's cache folder, so that a second start need not decode them."""

    clear: bool = False
    """Delete them: the next start of each set decodes it anew."""
    json: bool = False
    """Print JSON and nothing else."""


def run_cache(command: CacheCommand) -> int:
    """Prints a line for each set, the most recently used first; or deletes all of them."""
    from genjax.data import cache

    if command.clear:
        try:
            freed = cache.clear()
        except OSError as error:
            raise StorageError(f"{error.filename} cannot be deleted ({error.strerror}). Delete it yourself.") from None
        result(json.dumps({"freed": freed}) if command.json else f"deleted {freed / MIB:,.1f} MiB of decoded sets")
        return 0
    kept = cache.described()
    if command.json:
        result(json.dumps([one._asdict() for one in kept], indent=2))
        return 0
    rows = [
        (
            one_line(one.place),
            "x".join(map(str, one.shape[1:])),
            f"{one.files:,}",
            f"{one.bytes / MIB:,.1f}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used)),
        )
        for one in kept
    ]
    if rows:
        result(table(("set", "size", "files", "MiB", "last used"), rows))
    total = sum(one.bytes for one in kept) / MIB
    noun = "1 decoded set" if len(kept) == 1 else f"{len(kept)} decoded sets"
    where = cache.sets_folder() or "no folder, as there is no home"
    say(f"{noun}, {total:,.1f} of at most {cache.LIMIT / MIB:,.0f} MiB, in {where}")
    return 0
