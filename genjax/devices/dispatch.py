"""From a learner's step to compiled programs: rows of the data go in, one step or several at once, on all devices."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from genjax.data.batches import Columns
from genjax.devices.backend import on_cpu
from genjax.devices.sharding import Layout, along, everywhere, gathered, put, state_shardings
from genjax.families.learner import Learner, Metrics, TrainState

KEPT = 1 << 30  # bytes of data up to which every device keeps all of them


class Programs(NamedTuple):
    """The compiled step functions (state, kept, fed) -> (state, metrics); the input state is donated.

    Fed are the rows of each column of a batch; or, where the devices keep all rows, indices into these.

    Attributes:
        single: one step.
        several: as many steps as `fed` has rows, as a scan; the metrics are those of the last.
    """

    single: Any
    several: Any


def make_programs(learner: Learner, layout: Layout, like: TrainState) -> Programs:
    """Compiles the step of a learner on the devices of a layout, for states like this one (arrays or shapes)."""

    def single(state: TrainState, kept: Any, fed: Any) -> tuple[TrainState, Metrics]:
        batch = fed
        if kept is not None:
            batch = {name: rows.at[fed].get(mode="promise_in_bounds") for name, rows in kept.items()}
        return learner.step(gathered(layout, state), batch)

    def several(state: TrainState, kept: Any, fed: Any) -> tuple[TrainState, Metrics]:
        state, metrics = jax.lax.scan(lambda state, fed: single(state, kept, fed), state, fed)
        return state, jax.tree.map(lambda values: values[-1], metrics)

    return Programs(_compiled(single, layout, like), _compiled(several, layout, like))


def _compiled(step: Callable[..., Any], layout: Layout, like: TrainState) -> Any:
    options: dict[str, Any] = {"donate_argnums": 0}
    if layout.mesh is not None:
        options["out_shardings"] = (state_shardings(layout, like), everywhere(layout.mesh))
    return jax.jit(step, **options)


class Fed(NamedTuple):
    """The input of one dispatch.

    Attributes:
        steps: number of steps.
        rows: for each column of the batch, or indices for all of them.
    """

    steps: int
    rows: Any


class Dispatch(NamedTuple):
    """The functions by which a run's steps reach its devices.

    Attributes:
        feed: indices (steps, n) of each step's rows -> Fed. It may be called in any thread.
        update: (state, Fed) -> (state, metrics of the last of these steps); the state that goes in is donated.
        decodes: whether `feed` has to decode images, which takes a while.
    """

    feed: Callable[[np.ndarray], Fed]
    update: Callable[[TrainState, Fed], tuple[TrainState, Metrics]]
    decodes: bool


def make_dispatch(learner: Learner, columns: Columns, layout: Layout, like: TrainState, *, parts: int = 1) -> Dispatch:
    """Makes the functions that run the steps of a learner.

    Args:
        learner: whose step it is.
        columns: {name: rows (N, ...)}, which batches are taken from; "image" uint8 (N, h, w, c).
        layout: of the devices.
        like: a state, or its shapes.
        parts: into which a step's rows come, each shared among the devices: critic updates, and parts of a batch.
    """
    programs = make_programs(learner, layout, like)
    kept = keep(columns, layout) if keeps_rows(columns, layout) else None

    def fed(indices: np.ndarray) -> Fed:
        one = indices[0] if len(indices) == 1 else indices
        return Fed(len(indices), feed(columns, kept, one, layout, parts))

    def update(state: TrainState, fed: Fed) -> tuple[TrainState, Metrics]:
        return (programs.single if fed.steps == 1 else programs.several)(state, kept, fed.rows)

    decodes = any(not isinstance(rows, np.ndarray) for rows in columns.values())
    return Dispatch(fed, update, decodes)


def keeps_rows(columns: Columns, layout: Layout) -> bool:
    """Returns True if the devices keep all data, so that a step is fed with indices only.

    A single CPU reads them from the memory in which they are.
    """
    in_place = layout.mesh is None and on_cpu()
    in_memory = all(isinstance(rows, np.ndarray) for rows in columns.values())
    size = sum(
        math.prod(rows.shape) * getattr(getattr(rows, "dtype", None), "itemsize", 1) for rows in columns.values()
    )
    return in_memory and size <= KEPT and not in_place


def keep(columns: Columns, layout: Layout) -> dict[str, Array]:
    """Puts all data on every device."""
    mesh = layout.mesh
    return {
        name: jax.device_put(np.asarray(rows)) if mesh is None else put(np.asarray(rows), everywhere(mesh))
        for name, rows in columns.items()
    }


def feed(columns: Columns, kept: Mapping[str, Array] | None, indices: np.ndarray, layout: Layout, parts: int) -> Any:
    """Makes the input of a step; each process reads and sends its share.

    Args:
        columns: {name: rows (N, ...)}.
        kept: the same on the devices, which are then given indices; or None.
        indices: (..., n).
        layout: of the devices.
        parts: see `make_dispatch`.
    Returns:
        {name: rows (..., n, ...)} or indices (..., n); with several parts (..., parts, n / parts, ...).
    """
    mesh = layout.mesh
    if mesh is not None:
        # An axis of parts, as each is shared among all devices; in one row a part would lie on some of them.
        indices = indices.reshape(*indices.shape[:-1], parts, -1) if parts > 1 else indices
        share = indices.shape[-1] // jax.process_count()
        indices = indices[..., jax.process_index() * share : (jax.process_index() + 1) * share]

    def sent(rows: np.ndarray) -> Any:
        return rows if mesh is None else jax.make_array_from_process_local_data(along(mesh, indices.ndim - 1), rows)

    if kept is not None:
        return sent(indices.astype(np.int32))
    flat = indices.reshape(-1)
    return {name: sent(rows[flat].reshape(*indices.shape, *rows.shape[1:])) for name, rows in columns.items()}
