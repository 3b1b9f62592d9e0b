"""Where images come from: one file a source, one function (`load`) for all, and `batches` that feeds them.

Every source hands over a `Dataset`: uint8 images of one size, with labels, factors and captions where they are known.
"""

from genjax.data.batches import Position, batch_at, batch_indices, check_batch, position
from genjax.data.dataset import Dataset, LazyImages, few_shot
from genjax.data.images import RESIZE_RULE, to_float, to_uint8
from genjax.data.load import DATASETS, load
from genjax.data.request import Request

__all__ = [
    "DATASETS",
    "RESIZE_RULE",
    "Dataset",
    "LazyImages",
    "Position",
    "Request",
    "batch_at",
    "batch_indices",
    "check_batch",
    "few_shot",
    "load",
    "position",
    "to_float",
    "to_uint8",
]
