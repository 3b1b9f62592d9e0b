"""Options that must be known before the others can be read."""

import argparse
from collections.abc import Sequence


def given_options(arguments: Sequence[str], *names: str) -> dict[str, str]:
    """Returns the values of these options, "" for one that is not there."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in names:
        reader.add_argument(name, default="", nargs="?", dest=name)
    return {name: value or "" for name, value in vars(reader.parse_known_args(arguments)[0]).items()}
