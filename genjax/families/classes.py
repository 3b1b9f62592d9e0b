"""Classes that a source does not know: an adaptation adds rows to the tables of its networks.

New rows begin at the mean of the others: an image of no class in particular, from which each is learned. Order of
classes: those of the source first, so that they keep their rows.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.learner import Networks
from genjax.families.model import Condition, ModelConfig
from genjax.tree import flatten, unflatten

Tables = Mapping[str, tuple[str, ...]]  # {network: names of its tables with a row for each class}


def with_new_classes(condition: Condition, dataset: Dataset) -> Condition:
    """Adds the classes of a set that a model does not know yet.

    Raises:
        InputError: the model has no classes, or knows all of the set's.
    """
    if condition.kind != "class":
        raise InputError("--new-classes: the source was trained without classes. Leave it out.")
    if dataset.labels is None:
        raise InputError(f"--new-classes: {dataset.name} has no classes. Use data with classes.")
    found = [dataset.class_names[label] for label in np.unique(dataset.labels)]  # some may have no image among shots
    new = tuple(name for name in found if name not in condition.names)
    if not new:
        raise InputError(f"--new-classes: the source knows all classes of {dataset.name}. Leave it out.")
    return condition._replace(names=condition.names + new, new=len(new))


def with_class_rows(tables: Tables, networks: Networks, model: ModelConfig) -> Networks:
    """Returns parameters with a row for each class of an adapted model; new ones begin at the mean of the others.

    Args:
        tables: of the family.
        networks: parameters of the source, some of its networks or all.
        model: config of the adapted model, whose new classes follow those of the source.
    """
    new = model.condition.new
    if not new:
        return networks
    grown = dict(networks)
    for network in networks.keys() & tables.keys():  # a model that only draws has no critic
        flat = flatten(networks[network])
        for name in tables[network]:
            table: Array = flat[name]
            rows = jnp.broadcast_to(table.mean(axis=0), (new, table.shape[1]))
            flat[name] = jnp.concatenate([table, rows])
        grown[network] = unflatten(flat)
    return grown


def new_rows(tables: Tables, network: str, model: ModelConfig) -> tuple[tuple[str, int], ...]:
    """Returns pairs of a table's name and how many of its last rows are new, for the offer of a network."""
    new = model.condition.new
    return tuple((name, new) for name in tables[network]) if new else ()
