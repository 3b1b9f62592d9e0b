"""Runs of one command, compared bit for bit: each is a process of its own, as a user starts it."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.common.commands import genjax_command
from genjax.errors import InputError


def same_bits(
    options: Mapping[str, Mapping[str, Any]], network: Sequence[str], steps: int
) -> dict[str, dict[str, bool]]:
    """Compares runs that are started again, or stopped half way and resumed, with the first, bit for bit.

    Args:
        options: {name: options of XLA}; runs of the same name are compared.
        network: options of `genjax train`.
        steps: steps of each run.
    """
    half, found = steps // 2, {}
    every = ["--sample-every", str(half), "--save-every", str(half), "--log-every", "1", "--evaluate-every", "0"]
    starts = {"once": steps, "again": steps, "resumed": half}
    with tempfile.TemporaryDirectory() as name:
        folders = {what: Path(name) / str(number) for number, what in enumerate(options)}
        wait_for_all(
            start_genjax(
                "train", *network, *every, "--steps", str(n), "--out", str(folders[what] / run), options=options[what]
            )
            for what in options
            for run, n in starts.items()
        )
        resumed = ("train", "--resume", "--steps", str(steps), "--out")
        wait_for_all(start_genjax(*resumed, str(folders[what] / "resumed"), options=options[what]) for what in options)
        for what, folder in folders.items():
            bits = {run: hash_networks(folder / run / "model" / "latest") for run in starts}
            found[what] = {"again": bits["again"] == bits["once"], "resumed": bits["resumed"] == bits["once"]}
    return found


def start_genjax(*arguments: str, options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Starts a command of a user that finds nothing compiled, with options of XLA."""
    flags = [f"--{name}={value}".lower() for name, value in options.items()]
    changed = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    changed["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()  # of a flag the last one counts
    return subprocess.Popen(
        genjax_command(*arguments), env=os.environ | changed, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def wait_for_all(started: Iterable[subprocess.Popen[bytes]]) -> None:
    """Waits for all runs; raises InputError if one failed."""
    processes = list(started)
    errors = [process.communicate()[1] for process in processes]
    for process, error in zip(processes, errors, strict=True):
        if process.returncode:
            raise InputError(f"a run ended with exit code {process.returncode}: {error.decode()[-500:]}")


def hash_networks(folder: Path) -> str:
    """Hashes the networks in a folder (sha256).

    Raises:
        InputError: there are none, and nothing to compare.
    """
    content, paths = hashlib.sha256(), sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(f"{folder} holds no networks.")
    for path in paths:
        content.update(path.read_bytes())
    return content.hexdigest()
