"""Commands of `genjax` as processes that a user would start."""

import sys


def genjax_command(*arguments: str) -> list[str]:
    """Arguments of a process that runs `genjax` with this Python, whether or not the script `genjax` is installed."""
    code = "import sys; from genjax.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, *arguments]
