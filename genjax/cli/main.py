"""The verbs of `genjax`: a thin shell that calls one function for each."""

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genjax.cli.average import run_average
from genjax.cli.cache import run_cache
from genjax.cli.doctor import run_doctor
from genjax.cli.evaluate import run_evaluation
from genjax.cli.importing import run_import
from genjax.cli.parse import parse
from genjax.cli.report import run_report
from genjax.cli.sample import run_sampling
from genjax.cli.sources import run_sources
from genjax.cli.stability import run_stability
from genjax.cli.zoo import run_zoo
from genjax.devices import backend, versions
from genjax.errors import InputError, StorageError
from genjax.terminal import result, say, warn


def _train(command: Any) -> int:
    from genjax.cli.training import run_training  # it imports jax, for which the backend must be prepared

    return run_training(command)


RUN: Mapping[str, Callable[[Any], int]] = {
    "train": _train,
    "adapt": _train,
    "import": run_import,
    "evaluate": run_evaluation,
    "sample": run_sampling,
    "average": run_average,
    "report": run_report,
    "stability": run_stability,
    "doctor": run_doctor,
    "cache": run_cache,
    "zoo": run_zoo,
    "sources": run_sources,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Returns:
        The exit code: 0, 1 for a run that its disk or its own collapse ended, 2 for input that cannot be used, 128 + n
        when signal n stopped it.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["--version"]:
        result(versions.described())
        return 0
    backend.prepare()
    warnings.showwarning = lambda message, *_, **__: warn(str(message))  # a line, without the place in the code
    backend.mend_cache()
    try:
        command = parse(arguments)
        versions.warn_of_untried()
        return RUN[arguments[0]](command)
    except InputError as error:
        say(f"error: {error}")
        return 2
    except StorageError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except BrokenPipeError:  # `genjax ... | head`: who reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
