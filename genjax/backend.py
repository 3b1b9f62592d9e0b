"""Choices that must be made before jax is imported, by entry points only: commands, experiments, notebooks."""

import importlib.metadata
import os
from pathlib import Path

from genjax.errors import InputError

# Switches off the fusions by which jaxlib 0.10.2 computes convolutions on one thread instead of all.
# An unknown flag aborts XLA: it is set for versions where it was tried.
CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type="
TRIED = ("0.10.2",)


def prepare() -> None:
    """Sets what makes this process fast and quiet, never over a choice of the user's own."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_experimental_ynn_fusion_type" not in flags and importlib.metadata.version("jaxlib") in TRIED:
        os.environ["XLA_FLAGS"] = f"{flags} {CPU_FLAG}".strip()
    # XLA's C++ log. Above errors: the cache of compiled steps names every feature of the processor as one.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = cache_folder()
    if folder is not None:  # the second start of the same step waits for no compiler
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "1")


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
        raise InputError(
            f"--device {name}: JAX finds none here ({str(error).split(' (set ')[0][:160]}). Use --device auto, or"
            f' install JAX for it: pip install "{extra}".'
        ) from None


def cpu_has_bfloat16(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies numbers of that type; true where it does not say."""
    try:
        words = set(info.read_text().split())
    except OSError:
        return True
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"}) or not words & {"flags", "Features"}


def cache_folder() -> Path | None:
    """For what can be computed again: genjax in XDG_CACHE_HOME, or in ~/.cache; None for a user without a home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        return Path(given) / "genjax"
    try:
        return Path.home() / ".cache" / "genjax"
    except RuntimeError:
        return None
