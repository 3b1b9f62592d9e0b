"""Terminal output of a command: lines, warnings, one progress bar, a table.

Results go to standard output, everything else to standard error.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm


def say(line: str) -> None:
    """Prints a line to standard error."""
    tqdm.write(line, file=sys.stderr)  # which keeps a progress bar intact


def warn(line: str) -> None:
    """Prints a warning to standard error."""
    say(f"warning: {line}")


def reason(error: BaseException) -> str:
    """Returns the first line of an error's text, or its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def result(text: str) -> None:
    """Prints the result of the command to standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Formats aligned columns, the first to the left and the others to the right."""
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
def progress(name: str, *, done: int, total: int, show: bool = True, delay: float = 0.0) -> Iterator[tqdm]:
    """Shows a bar that counts images, with their rate and the remaining time.

    Args:
        name: text in front of the bar.
        done: images seen before this start.
        total: images to see in all.
        show: False hides the bar.
        delay: seconds before it is shown, so that it is not where all is done by then.
    """
    to_terminal = sys.stderr.isatty()
    with tqdm(
        desc=name,
        initial=done,
        total=total,
        unit=" images",
        disable=not show,
        delay=delay,
        unit_scale=True,
        mininterval=0.2 if to_terminal else 10.0,  # a log file wants few lines
        bar_format="{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]",
    ) as bar:
        yield bar
