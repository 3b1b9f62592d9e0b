"""Advice when a step does not fit into memory: the largest batch that would, from the plans of compiled steps."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

from genjax.errors import InputError
from genjax.families.learner import Learner, TrainState

MARKS = ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory")  # in the message of an XLA error
KEPT_FREE = 0.1  # of the memory, for what is not in the plan of a step: images, the allocator's gaps
TRIES = 5  # compilations to see that a batch fits, each with a tenth less


@contextmanager
def watched(
    learner: Learner, state: TrainState, example: dict[str, Any], batch: int, *, parts: int = 1
) -> Iterator[None]:
    """Turns running out of memory into an InputError that names a batch that fits.

    Args:
        learner: whose step runs.
        state: of the run, arrays or their shapes.
        example: a batch of any number of images.
        batch: images in a batch, of which a step may take several.
        parts: in which a batch is computed; they divide it.
    """
    state, example = jax.eval_shape(lambda given: given, (state, example))  # the arrays are donated on the way
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(mark in str(error) for mark in MARKS):
            raise
        raise InputError(advice(learner, state, example, batch, parts=parts)) from None


def advice(
    learner: Learner,
    state: TrainState,
    example: dict[str, Any],
    batch: int,
    limit: int | None = None,
    *,
    parts: int = 1,
) -> str:
    """Says in one line what was asked for, and the largest batch that fits into `limit` bytes (default: the device)."""
    limit = limit or available()
    half = whole_parts(batch // 2, parts)
    if half < 1:
        return f"--batch {batch} does not fit into memory. Use a smaller --size or a smaller width."
    try:
        large, small = (planned(learner, state, example, size) for size in (batch, half))
    except (jax.errors.JaxRuntimeError, InputError):  # not even the compiler had room, or it does not say
        return f"--batch {batch} does not fit into memory. Use --batch {half} or smaller."
    each = (large - small) / (batch - half)
    most = int(((1 - KEPT_FREE) * limit - (large - each * batch)) / max(each, 1.0))
    most = _fitting(learner, state, example, whole_parts(min(most, batch - 1), parts), limit, parts)
    if most < 1:
        return (
            f"--batch {batch} does not fit into memory, and no other would: a step holds {_gb(large - each * batch)}"
            f" without any image, and there are {_gb(limit)}. Use a smaller --size or a smaller width."
        )
    return (
        f"--batch {batch} does not fit into memory: its step holds {_gb(large)}, and there are {_gb(limit)}."
        f" Use --batch {most} or smaller."
    )


def whole_parts(batch: int, parts: int) -> int:
    """Returns the largest batch of so many equal parts that is no larger; 0 for none."""
    return max(0, batch - batch % parts)


def _fitting(learner: Learner, state: TrainState, example: dict[str, Any], most: int, limit: int, parts: int) -> int:
    """Returns the estimate, or somewhat less: small batches hold more for each image than large ones do."""
    for _ in range(TRIES):
        if most < 1 or planned(learner, state, example, most) <= limit:
            break
        most = whole_parts(most * 9 // 10, parts)
    return most


def planned(learner: Learner, state: TrainState, example: dict[str, Any], batch: int) -> int:
    """Bytes that the compiled step holds at once for batches of this size: arguments, results and temporaries."""
    images = batch * learner.batches_per_step
    sized = {name: jax.ShapeDtypeStruct((images, *part.shape[1:]), part.dtype) for name, part in example.items()}
    return held_bytes(jax.jit(learner.step, donate_argnums=0).lower(state, sized).compile())


def held_bytes(program: jax.stages.Compiled) -> int:
    """Bytes that a compiled program holds at once, by the compiler's plan: arguments, results and temporaries.

    Raises:
        InputError: a backend that does not say.
    """
    plan = program.memory_analysis()
    if plan is None:
        raise InputError("this backend does not say what a program holds. Ask on a CPU: JAX_PLATFORMS=cpu.")
    held = plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes
    return int(held - plan.alias_size_in_bytes)


def available() -> int:
    """Bytes of the first device, or of the machine where the device does not say."""
    stats = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f} GB"
