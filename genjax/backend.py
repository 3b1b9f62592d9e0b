"""Choices that must be made before jax is imported, by entry points only: commands, experiments, notebooks."""

import importlib.metadata
import os

# Switches off the fusions by which jaxlib 0.10.2 computes convolutions on one thread instead of all.
# An unknown flag aborts XLA: it is set for versions where it was tried.
CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type="
TRIED = ("0.10.2",)


def prepare() -> None:
    """Sets what makes this process fast and quiet, never over a choice of the user's own."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_experimental_ynn_fusion_type" not in flags and importlib.metadata.version("jaxlib") in TRIED:
        os.environ["XLA_FLAGS"] = f"{flags} {CPU_FLAG}".strip()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # XLA's C++ log: warnings that nobody needs
