"""Batches of a dataset: the arrays that a step sees, and the order of the images as a function of (seed, step).

The stream of images is one permutation of the set for each epoch, end to end. Step k takes the slice from k*batch to
(k+1)*batch of it. Batches are of one size and may straddle epochs; within an epoch no image is skipped or doubled.
Nothing but (seed, step) enters, so that a run can stop and resume anywhere.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset, LazyImages
from genjax.errors import InputError

SHUFFLE_STREAM = 0x5F1  # keeps the order of images independent of other draws from the same seed
FACTOR_TYPES = {"b": np.bool_, "i": np.int32, "u": np.int32, "f": np.float32}  # by kind; strings are left out

Columns = Mapping[str, np.ndarray | LazyImages]  # name to rows, as many in each as the set has images


class Position(NamedTuple):
    """A position in the stream of images.

    Attributes:
        epoch: number of complete passes over the set.
        offset: number of images seen of the current pass.
    """

    epoch: int
    offset: int


def position(n: int, batch: int, step: int) -> Position:
    """Computes the position in the stream over `n` images before step number `step`, counted from 0."""
    return Position(*divmod(step * batch, n))


def columns(dataset: Dataset) -> Columns:
    """Returns everything of a set that a step can use, one row for each image.

    The dict is flat and holds numbers only, so that a batch of it can enter a jitted step. Factors that are words
    (font, colour) stay in `Dataset.factors`.

    Args:
        dataset: set of n images.
    Returns:
        {"image": uint8 (n, h, w, c), an array or `LazyImages`; "label": int32 (n,), if the set has labels;
        "factors/NAME": float32, int32 or bool (n,), for each numeric factor}. Factors lose their 64 bits here, where it
        can be seen, not inside JAX.
    """
    rows: dict[str, np.ndarray | LazyImages] = {"image": dataset.images}
    if dataset.labels is not None:
        rows["label"] = dataset.labels.astype(np.int32, copy=False)
    for name, values in dataset.factors.items():
        if values.dtype.kind in FACTOR_TYPES:
            rows[f"factors/{name}"] = values.astype(FACTOR_TYPES[values.dtype.kind], copy=False)
    return rows


def batch_indices(n: int, batch: int, seed: int, step: int, *, host: int = 0, hosts: int = 1) -> np.ndarray:
    """Computes the indices of the images in a batch.

    Args:
        n: images in the set.
        batch: images in a batch, over all hosts. It may exceed `n`: several updates of a step share one call.
        seed: seed of the order.
        step: number of the batch, from 0.
        host: number of this host, from 0; it gets a contiguous share of the batch.
        hosts: number of hosts.
    Returns:
        int64 (batch / hosts,). The shares of hosts 0, 1, ..., concatenated, are the whole batch.
    Raises:
        InputError: the batch does not divide among the hosts.
    """
    _check_hosts(batch, hosts)
    share = batch // hosts
    start = step * batch + host * share
    places = np.arange(start, start + share)
    epochs, offsets = np.divmod(places, n)
    orders = [_order(n, seed, int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
    return np.concatenate(orders)


def batch_at(
    dataset: Dataset, batch: int, seed: int, step: int, *, host: int = 0, hosts: int = 1
) -> dict[str, np.ndarray]:
    """Reads the batch of a step, or a host's share of it, from every column of a set.

    Args:
        dataset: set of images.
        batch: images in a batch, over all hosts.
        seed: seed of the order.
        step: number of the batch, from 0.
        host: number of this host, from 0.
        hosts: number of hosts.
    Returns:
        Arrays of m = batch / hosts rows under the names of `columns`: ``image`` uint8 (m, h, w, c), ``label`` int32
        (m,), ``factors/NAME`` (m,).
    Raises:
        InputError: the batch does not divide among the hosts.
    """
    indices = batch_indices(len(dataset), batch, seed, step, host=host, hosts=hosts)
    return {name: rows[indices] for name, rows in columns(dataset).items()}


def check_batch(n: int, batch: int, hosts: int = 1) -> None:
    """Raises InputError unless a set of `n` images can be fed in such batches to so many hosts."""
    if batch < 1:
        raise InputError(f"--batch {batch} holds no image. Use --batch 1 or more.")
    if batch > n:
        raise InputError(f"--batch {batch} is larger than the set ({n} images). Use --batch {n} or smaller.")
    _check_hosts(batch, hosts)


def _check_hosts(batch: int, hosts: int) -> None:
    if batch % hosts:
        lower = batch - batch % hosts
        use = f"{lower} or {lower + hosts}" if lower else f"{hosts}"
        raise InputError(f"--batch {batch} does not divide among {hosts} hosts. Use --batch {use}.")


@lru_cache(maxsize=4)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Draws the permutation of an epoch; cached for neighbouring steps, and read-only since it is shared."""
    order = np.random.default_rng((seed, epoch, SHUFFLE_STREAM)).permutation(n)
    order.setflags(write=False)
    return order
