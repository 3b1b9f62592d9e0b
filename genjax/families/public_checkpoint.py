"""A public checkpoint, as another library has written it, and what a family makes of it."""

from typing import Any, NamedTuple

import numpy as np

from genjax.families.learner import Networks
from genjax.families.model import ModelConfig


class PublicCheckpoint(NamedTuple):
    """The content of a public checkpoint's files; nothing of it was executed.

    Attributes:
        name: as it was typed, for messages.
        architecture: class of the other library whose parameters these are.
        network: settings of the network.
        process: settings of what it was trained to undo; {} where the checkpoint does not say.
        tensors: {name: array}, as the other library names and shapes them.
    """

    name: str
    architecture: str
    network: dict[str, Any]
    process: dict[str, Any]
    tensors: dict[str, np.ndarray]


class Converted(NamedTuple):
    """A public checkpoint as a model of ours.

    Attributes:
        config: of the model.
        networks: {network: params}.
        notes: what of the checkpoint is not used, a line each.
    """

    config: ModelConfig
    networks: Networks
    notes: tuple[str, ...] = ()
