"""A new word for what is new: the row of a condition that the source does not know is all that is trained.

The row of a new style in the network's table is learned from the shots. Alone, nothing that the source can draw is lost
(Gal et al. 2023, textual inversion); but a style that is between no others needs more: further parameters learn beside
it (Kumari et al. 2023, custom diffusion), unless told otherwise what modulates each block by noise, class and style.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.transfer.transfer import Offer, Spec, Transfer
from genjax.tree import Tree, flatten, label, unflatten

NEW = "/new"  # after the name of a table: its new rows


@dataclass(frozen=True)
class Embedding:
    """The parameters that the transfer `embedding` trains beside the new row."""

    train: tuple[str, ...] = ("*modulation*",)
    """Shell patterns over names of parameters that are trained as well, by lora and its like where they are named too;
    none trains the new row alone. The default's do nothing to a network that has no such parameters."""


def embedding(rows: Mapping[str, int], train: Sequence[str] = ()) -> Transfer:
    """Trains new rows of tables, and keeps the others and all else bit for bit.

    Args:
        rows: {name of a table: number of its last rows that are new}.
        train: shell patterns of the names that are trained too; each must match, but those of the default.
    Raises:
        InputError: (from init) a pattern that matches nothing.
    """

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        usual = tuple(train) == Embedding.train
        patterns = [pattern for pattern in train if not usual or any(fnmatch(name, pattern) for name in flat)]
        rules = [*((name, "table") for name in rows), *((pattern, "trained") for pattern in patterns), ("*", "kept")]
        labels = label(list(flat), rules)
        trained = {name: leaf for name, leaf in flat.items() if labels[name] == "trained"}
        kept = {name: leaf for name, leaf in flat.items() if labels[name] == "kept"}
        for name, new in rows.items():
            trained[name + NEW], kept[name] = flat[name][-new:], flat[name][:-new]
        return trained, kept

    def params(trainable: Tree, kept: Tree) -> Tree:
        flat = flatten(trainable)
        whole = dict(kept)
        for name in rows:
            whole[name] = jnp.concatenate([kept[name], flat.pop(name + NEW)])
        return unflatten(flat | whole)

    return Transfer(init, params)


def check_rows(offers: Mapping[str, Offer], trained: Mapping[str, Tree], choice: str) -> None:
    """Raises InputError where a transfer keeps the row of what is new, which would never be learned.

    Args:
        offers: {network: its offer}.
        trained: {network: what its transfer trains}.
        choice: the transfers, as they are typed.
    """
    for network, offer in offers.items():
        for table, _ in offer.rows:
            if not any(name in (table, table + NEW) for name in flatten(trained[network])):
                raise InputError(
                    f"--transfer {choice} keeps {table}, and the source has no row for what is new there. Use"
                    " embedding, lora or full."
                )


def with_new_rows(information: Tree | None, params: Tree, rows: Sequence[tuple[str, int]]) -> Tree | None:
    """Returns the information of a source's parameters with none of the rows that it does not have: zeros."""
    if information is None or not rows:
        return information
    flat, wanted = flatten(information), flatten(params)
    for table, _ in rows:
        missing = len(wanted[table]) - len(flat[table])
        flat[table] = jnp.pad(flat[table], [(0, missing), *[(0, 0)] * (flat[table].ndim - 1)])
    return unflatten(flat)


SPEC = Spec(
    name="embedding",
    options=Embedding,
    build=lambda options, network, offer: embedding(dict(offer.rows), options.train),
    summary="Trains the row of a style or class that is new, and the modulation of blocks; keeps all else.",
    group="embedding",
    needs=frozenset({"rows"}),
)
