"""Which images a step sees: a function of (seed, step) alone, so that a run can stop and go on anywhere.

The stream of images is one permutation of the set an epoch, end to end. Step k takes the slice from k*batch to
(k+1)*batch of it. Batches are of one size and may straddle epochs; within an epoch no image is skipped or doubled.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from genjax.data.dataset import Dataset
from genjax.errors import InputError

SHUFFLE_STREAM = 0x5F1  # keeps the order of images apart from whatever else is drawn from the same seed


class Position(NamedTuple):
    """A place in the stream of images.

    Attributes:
        epoch: passes over the set that are complete.
        offset: images of the pass that has begun.
    """

    epoch: int
    offset: int


def position(n: int, batch: int, step: int) -> Position:
    """Where the stream over `n` images stands before step number `step`, counted from 0."""
    return Position(*divmod(step * batch, n))


def batch_indices(n: int, batch: int, seed: int, step: int, *, host: int = 0, hosts: int = 1) -> np.ndarray:
    """Indices into the set of the images in a batch.

    Args:
        n: images in the set.
        batch: images in a batch, over all hosts. It may exceed `n`: several updates of a step share one call.
        seed: of the order.
        step: number of the batch, from 0.
        host: which of the hosts this is, from 0; it gets a contiguous share of the batch.
        hosts: how many there are.
    Returns:
        int64 (batch / hosts,). The shares of hosts 0, 1, ... in a row are the whole batch.
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
    """The batch of a step, or a host's share of it: ``image`` uint8 (m, h, w, c), ``label`` int32 (m,) if known.

    Arguments and errors as in `batch_indices`.
    """
    indices = batch_indices(len(dataset), batch, seed, step, host=host, hosts=hosts)
    images = {"image": dataset.images[indices]}
    return images if dataset.labels is None else images | {"label": dataset.labels[indices]}


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
    """The permutation of an epoch; kept for the few that neighbouring steps read. Read-only, since it is shared."""
    order = np.random.default_rng((seed, epoch, SHUFFLE_STREAM)).permutation(n)
    order.setflags(write=False)
    return order
