"""From a learner's step to what the loop calls: which images go in, how many steps at once, on which devices."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from genjax.data.dataset import LazyImages
from genjax.train.sharding import Layout, along, everywhere, gathered, put, state_shardings
from genjax.train.state import Learner, Metrics, TrainState

KEPT = 1 << 30  # bytes of images up to which every device keeps all of them

Images = np.ndarray | LazyImages
Update = Callable[[TrainState, np.ndarray], tuple[TrainState, Metrics]]


def make_update(learner: Learner, images: Images, layout: Layout, like: TrainState, *, parts: int = 1) -> Update:
    """(state, indices) -> (state, metrics), compiled; the state that goes in is used up.

    Args:
        learner: whose step it is.
        images: of the set, uint8 (N, h, w, c).
        layout: of the devices.
        like: a state, or its shapes.
        parts: into which a step's images come, each shared among the devices: critic updates, and parts of a batch.
    Returns:
        A function of a state and the indices (steps, n) of the images of each step. Several steps are one program, a
        scan, and the metrics those of the last.
    """

    def one(state: TrainState, kept: Array | None, fed: Array) -> tuple[TrainState, Metrics]:
        image = fed if kept is None else kept.at[fed].get(mode="promise_in_bounds")
        return learner.step(gathered(layout, state), {"image": image})

    def several(state: TrainState, kept: Array | None, fed: Array) -> tuple[TrainState, Metrics]:
        state, metrics = jax.lax.scan(lambda state, fed: one(state, kept, fed), state, fed)
        return state, jax.tree.map(lambda values: values[-1], metrics)

    options: dict[str, Any] = {"donate_argnums": 0}
    if layout.mesh is not None:
        options["out_shardings"] = (state_shardings(layout, like), everywhere(layout.mesh))
    single, many = jax.jit(one, **options), jax.jit(several, **options)
    kept = _keep(images, layout) if keeps_images(images, layout) else None

    def update(state: TrainState, indices: np.ndarray) -> tuple[TrainState, Metrics]:
        fed = _feed(images if kept is None else None, indices if len(indices) > 1 else indices[0], layout, parts)
        return (many if len(indices) > 1 else single)(state, kept, fed)

    return update


def keeps_images(images: Images, layout: Layout) -> bool:
    """Whether the devices keep the images, so that a step is fed with indices only.

    A single CPU reads them from the memory in which they are.
    """
    in_place = layout.mesh is None and jax.default_backend() == "cpu"
    return isinstance(images, np.ndarray) and images.nbytes <= KEPT and not in_place


def _keep(images: Images, layout: Layout) -> Array:
    values = np.asarray(images)
    return jax.device_put(values) if layout.mesh is None else put(values, everywhere(layout.mesh))


def _feed(images: Images | None, indices: np.ndarray, layout: Layout, parts: int) -> Any:
    """What a step is fed with: the images at these indices (..., n), or the indices; of each process, its share."""
    mesh = layout.mesh
    if mesh is not None:
        # In parts, each of which the devices share: their places in a row would give a part to a few of them.
        indices = indices.reshape(*indices.shape[:-1], parts, -1) if parts > 1 else indices
        share = indices.shape[-1] // jax.process_count()
        indices = indices[..., jax.process_index() * share : (jax.process_index() + 1) * share]
    fed = indices.astype(np.int32)
    if images is not None:
        fed = images[indices.reshape(-1)].reshape(*indices.shape, *images.shape[1:])
    if mesh is None:
        return fed
    return jax.make_array_from_process_local_data(along(mesh, indices.ndim - 1), fed)
