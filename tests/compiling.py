"""How tests compile: quickly, for most of their time goes to XLA and what they compute is small.

The flags below cut the CPU time in which the step of the tiny GAN compiles to a fifth. LLVM's fast selection of
instructions, which level 0 has, gets R1 wrong (NaN) with jaxlib 0.10.2: it is off. The flags of the entry points are
among them from the start: a command that a test gives in its own process would set them there, and what had been
compiled before would not be found again.

Where a large model computes, as the flow of the zoo does, what compiles quickest runs too slowly: NUMBERS are for it.
"""

import importlib.metadata

from genjax.devices.backend import flags_of

LEVEL = "--xla_backend_optimization_level=1"
# {flag: versions of jaxlib that it was tried with}: an unknown one aborts XLA.
QUICKER = {
    "--xla_backend_optimization_level=0": ("0.10.2", "0.12.0.1"),
    "--xla_cpu_use_fusion_emitters=false": ("0.10.2",),
    "--xla_llvm_disable_expensive_passes=true": ("0.10.2", "0.12.0.1"),
    "--xla_cpu_parallel_codegen_split_count=1": ("0.10.2", "0.12.0.1"),
    "--xla_backend_extra_options=-fast-isel=false": ("0.10.2", "0.12.0.1"),
}
VERSION = importlib.metadata.version("jaxlib")
# Of a process that computes more than it compiles: drawing from the zoo's flow takes two fifths of the time with them.
SLOWER = ("--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false")


def joined(without: tuple[str, ...] = ()) -> str:
    """Returns the flags, but for some."""
    return " ".join(
        (LEVEL, *(one for one, tried in QUICKER.items() if VERSION in tried and one not in without), *flags_of(VERSION))
    )


XLA_FLAGS, NUMBERS = joined(), joined(SLOWER)
