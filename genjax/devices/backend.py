"""Choices that must be made before jax is imported, by entry points only: commands, experiments, notebooks."""

import importlib.metadata
import os
import re
import sys
import warnings
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

from genjax.devices import allocator, versions
from genjax.errors import InputError

# A CPU computes convolutions on all threads, where the fusions that this switches off use one.
CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type="
# A GPU takes kernels that give the same bits at every call, so that a resumed run ends as one that was not stopped; and
# tries none out, which takes XLA three quarters of the time to compile. Measured with jaxlib 0.11.2; others know it.
GPU_FLAG = "--xla_gpu_deterministic_ops=true"
# {flag: first and last jaxlib that it was tried with}, all between included: an unknown flag aborts XLA.
FLAGS = {CPU_FLAG: ("0.10.2", "0.10.2"), GPU_FLAG: ("0.10.2", "0.12.0.1")}


def prepare() -> None:
    """Sets what makes this process fast, quiet and repeatable, never over a choice of the user's own."""
    flags = os.environ.get("XLA_FLAGS", "")
    wanted = [
        flag for flag in flags_of(importlib.metadata.version("jaxlib")) if flag[2:].partition("=")[0] not in flags
    ]
    if wanted:
        os.environ["XLA_FLAGS"] = " ".join([flags, *wanted]).strip()
    # XLA's C++ log. Above errors: the cache of compiled steps names every feature of the processor as one.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = cache_folder()
    if folder is not None:  # the second start of the same step waits for no compiler
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "1")
    allocator.keep()


def prepare_or_warn() -> None:
    """Prepares the backend for a verb called in Python; says once what is lost where jax was imported before.

    XLA reads its flags when jax starts, so that they come too late then. What needs no flag is done all the same.
    """
    if "jax" in sys.modules:
        known = flags_of(importlib.metadata.version("jaxlib"))
        missing = [flag for flag in known if flag not in os.environ.get("XLA_FLAGS", "")]
        if missing:
            warnings.warn(
                f"jax was imported before genjax, so that {' '.join(missing)} could not be set: steps on a CPU may be"
                " slower. Call a function of genjax first, or genjax.devices.backend.prepare().",
                stacklevel=3,
            )
    prepare()  # after a warning the flags are there, so that it comes once
    versions.warn_of_untried()


def flags_of(version: str) -> tuple[str, ...]:
    """Returns the XLA flags for this version of jaxlib."""
    numbers = versions.numbers
    return tuple(flag for flag, (first, last) in FLAGS.items() if numbers(first) <= numbers(version) <= numbers(last))


# How JAX complains of an entry that was not written to its end, by a full disk or a process that was killed.
TORN = re.compile(r"Error (?:reading|writing) persistent compilation cache entry for '([\w.<>-]+)'")


def mend_cache() -> None:
    """Deletes, from here on, a compiled step that was not kept whole, so that it is kept anew.

    JAX compiles it once more in any case; but it leaves the file there and complains of it at every start.
    """
    shown = warnings.showwarning

    def show(message: Warning | str, *arguments: Any, **keywords: Any) -> None:
        if not delete_torn(str(message)):
            shown(message, *arguments, **keywords)

    warnings.showwarning = show


def delete_torn(complaint: str) -> bool:
    """Deletes what is kept of the function that a complaint of JAX is about; whether it was such a complaint."""
    found, folder = TORN.match(complaint), os.environ.get("JAX_COMPILATION_CACHE_DIR", "")
    if not found or not folder:
        return False
    for path in Path(folder).glob(f"{glob_escape(found[1])}-*-cache"):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return False
    return True


def choose_device(name: str) -> None:
    """Makes JAX compute on the CPU, on GPUs or on TPUs. To be called before it computes anything; "auto" leaves it."""
    if name != "auto":
        import jax

        jax.config.update("jax_platforms", name)


def check_device(name: str) -> None:
    """Raises InputError unless JAX finds such a device here."""
    if name == "auto":
        return
    import jax

    try:
        jax.devices(name)
    except RuntimeError as error:
        jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS") or None)
        extra = {"tpu": "jax[tpu]", "gpu": "jax[cuda13]"}.get(name, "jax")
        # It says so of the last of several makers' backends, which need not be the one that is missed.
        said = "" if "not in the list of known" in str(error) else f" ({str(error).split(' (set ')[0][:160]})"
        raise InputError(
            f"--device {name}: JAX finds none here{said}. Use --device auto, or install JAX for it:"
            f' pip install "{extra}".'
        ) from None


def on_cpu() -> bool:
    """Returns True if JAX computes on a CPU here, for which some operations have a form of their own."""
    import jax

    return jax.default_backend() == "cpu"


def cpu_has_bfloat16(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Returns True if the processor multiplies numbers of that type; true where it does not say."""
    try:
        words = set(info.read_text().split())
    except OSError:
        return True
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"}) or not words & {"flags", "Features"}


def cache_folder() -> Path | None:
    """Returns where to keep what can be computed again: genjax in XDG_CACHE_HOME or ~/.cache; None without a home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        return Path(given) / "genjax"
    try:
        return Path.home() / ".cache" / "genjax"
    except RuntimeError:
        return None
