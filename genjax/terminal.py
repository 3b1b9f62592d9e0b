"""What a person sees of a command: lines, warnings, one progress bar, a table.

Results go to standard output, everything else to standard error.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm


def say(line: str) -> None:
    """A line for the person at the terminal."""
    tqdm.write(line, file=sys.stderr)  # beside a bar, should there be one


def warn(line: str) -> None:
    """A line that should not be missed."""
    say(f"warning: {line}")


def result(text: str) -> None:
    """What the command was asked for."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


@contextmanager
def progress(name: str, *, done: int, total: int, show: bool = True) -> Iterator[tqdm]:
    """A bar that counts images: how many, how fast, how long still.

    Args:
        name: in front of the bar.
        done: images seen before this start.
        total: images to be seen in all.
        show: off for a bar that nobody sees.
    """
    to_terminal = sys.stderr.isatty()
    with tqdm(
        desc=name,
        initial=done,
        total=total,
        unit=" images",
        disable=not show,
        unit_scale=True,
        mininterval=0.2 if to_terminal else 10.0,  # a log file wants few lines
        bar_format="{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]",
    ) as bar:
        yield bar
