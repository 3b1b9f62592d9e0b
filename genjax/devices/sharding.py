"""The layout of a run on its devices: a share of every batch on each, and all of the state or a share of that too.

There is one mesh axis, "data", and XLA's partitioner does the rest. (Xu et al. 2021, GSPMD) The step is written for the
whole batch and names no axis, so that a mean is over the whole batch and a random number belongs to a place in it: what
a run computes does not depend, beyond rounding, on how many devices compute it. One device has no mesh, and nothing is
laid out.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from genjax.devices.backend import on_cpu
from genjax.errors import InputError
from genjax.families.learner import TrainState
from genjax.families.step import Share, stay
from genjax.tree import Tree

AXIS = "data"
LEAST = 1024  # numbers in an array from which on it is worth sharing: smaller ones cost a device nothing


class Layout(NamedTuple):
    """The devices of a run, and what of its state each of them holds.

    Attributes:
        mesh: the devices in a row, those of a process side by side; None for a single one.
        shard_state: whether each device holds its share of parameters and optimiser state only.
    """

    mesh: Mesh | None = None
    shard_state: bool = False

    @property
    def devices(self) -> int:
        """Returns the number of devices."""
        return 1 if self.mesh is None else self.mesh.size


def lay_out(devices: int = 0, *, shard_state: bool = False) -> Layout:
    """Makes the layout over the devices that JAX finds, in every process of the run.

    Args:
        devices: how many, over all processes, the same number of each; 0 is all, of CPUs one a process, since a
            machine's virtual CPU devices share its cores.
        shard_state: see `Layout`.
    Raises:
        InputError: more than there are, or a number that does not divide among the processes.
    """
    processes, there = jax.process_count(), jax.local_device_count()
    if devices % processes:
        raise InputError(
            f"--devices {devices} does not divide among {processes} processes. Use a multiple of {processes}, or 0."
        )
    each = devices // processes or (1 if on_cpu() else there)
    if each > there:
        raise InputError(
            f"--devices {devices} were asked for, and there are {there * processes}"
            f" ({jax.default_backend()}). Use {there * processes} or fewer, or 0 for all."
        )
    if processes * each == 1:
        return Layout()
    of = [[device for device in jax.devices() if device.process_index == process] for process in range(processes)]
    chosen = np.array([device for own in of for device in own[:each]])
    return Layout(Mesh(chosen, (AXIS,), axis_types=(AxisType.Auto,)), shard_state)


def check_share(batch: int, parts: int, devices: int) -> None:
    """Raises InputError unless each device can have the same number of images of each part of a batch.

    Args:
        batch: images.
        parts: of a batch that are computed one after the other.
        devices: among which each part is shared.
    """
    if batch % parts:
        raise InputError(
            f"--batch {batch} does not divide into --accumulate {parts} parts. Use --batch {_near(batch, parts)}."
        )
    if batch // parts % devices:
        fewer = max(count for count in range(1, devices) if batch // parts % count == 0)
        whole = f"--batch {batch}" if parts == 1 else f"--batch {batch} in --accumulate {parts} parts"
        raise InputError(
            f"{whole} does not divide among {devices} devices. Use --batch {_near(batch, parts * devices)}"
            f" or --devices {fewer}."
        )


def _near(batch: int, divisor: int) -> str:
    lower = batch - batch % divisor
    return f"{lower} or {lower + divisor}" if lower else str(divisor)


def sharing(layout: Layout) -> Share:
    """Returns the function that a learner calls on what it draws, so that no device computes another's share.

    Real images come with their layout; what a step makes out of nothing, such as latents, has none of its own.
    """
    mesh = layout.mesh
    if mesh is None:
        return stay
    return lambda array, axis: jax.lax.with_sharding_constraint(array, along(mesh, axis))


def along(mesh: Mesh, axis: int) -> NamedSharding:
    """Places an array of which each device has a share along one axis."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def everywhere(mesh: Mesh) -> NamedSharding:
    """Places an array so that it lies on every device as a whole."""
    return NamedSharding(mesh, PartitionSpec())


def state_shardings(layout: Layout, state: Tree) -> Tree:
    """Returns the sharding of each leaf of a state, given as arrays or their shapes.

    With `shard_state` an array is shared along the longest axis that divides; small ones, and those without such an
    axis, lie everywhere. Each step then gathers the parameters that it needs. (Rajbhandari et al. 2020, ZeRO stage 3)
    """
    if layout.mesh is None:
        raise ValueError("a single device has no shardings")
    mesh = layout.mesh

    def of(leaf: Any) -> NamedSharding:
        if layout.shard_state and leaf.size >= LEAST:
            axes = [axis for axis in range(leaf.ndim) if leaf.shape[axis] % mesh.size == 0]
            if axes:
                return along(mesh, max(axes, key=lambda axis: leaf.shape[axis]))
        return everywhere(mesh)

    return jax.tree.map(of, state)


def gathered(layout: Layout, state: TrainState) -> TrainState:
    """Gathers what the networks are applied with on every device, as a step begins.

    Left to itself, XLA would cut the computation as the parameters are cut. The optimiser's state and the averages stay
    where they are, and so do the updates.
    """
    if layout.mesh is None or not layout.shard_state:
        return state
    whole = everywhere(layout.mesh)
    networks, context = jax.lax.with_sharding_constraint((state.trainable, state.context), whole)
    return dataclasses.replace(state, trainable=networks, context=context)


def placed_like(layout: Layout, state: Tree) -> Tree:
    """Returns the shapes of a state, with the shardings that it has in this layout."""
    if layout.mesh is None:
        return state
    shardings = state_shardings(layout, state)
    return jax.tree.map(lambda leaf, own: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=own), state, shardings)


def place(layout: Layout, state: Tree) -> Tree:
    """Lays a state, the same in every process, out on the devices."""
    if layout.mesh is None:
        return state
    return jax.tree.map(_placed, state, state_shardings(layout, state))


def _placed(leaf: Any, sharding: NamedSharding) -> Array:
    if _is_key(leaf):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    return put(np.asarray(leaf), sharding)


def put(values: np.ndarray, sharding: NamedSharding) -> Array:
    """Lays an array that every process has out on the devices."""
    # A copy for each device: a step may write its results over what it is given.
    return jax.make_array_from_callback(values.shape, sharding, lambda index: np.array(values[index]))


def whole(layout: Layout, state: Tree) -> Tree:
    """Takes the state off its devices, for what one process does alone: pictures, checkpoints.

    To be called in every process. A leaf that lies everywhere is this process's own copy; one that is shared comes
    together in the host's memory.
    """
    return state if layout.mesh is None else jax.tree.map(_whole, state)


def _whole(leaf: Array) -> Any:
    if _is_key(leaf):
        return jax.random.wrap_key_data(_whole(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    if leaf.is_fully_addressable:
        return np.asarray(leaf)
    return multihost_utils.process_allgather(leaf, tiled=True)


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
