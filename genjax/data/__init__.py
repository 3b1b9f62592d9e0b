"""Datasets of images: one file for each source, one function (`load`) for all of them, and the stream of batches.

Every source returns a `Dataset`: uint8 images of one size, with labels, factors and captions where they are known.
"""

from genjax.data.batches import Columns, Position, batch_at, batch_indices, check_batch, columns, position
from genjax.data.dataset import Dataset, LazyImages, few_shot, spread_out
from genjax.data.images import RESIZE_RULE, to_float, to_uint8
from genjax.data.load import DATASETS, captions_help, data_help, data_table, load
from genjax.data.request import Request, Spec

__all__ = [
    "DATASETS",
    "RESIZE_RULE",
    "Columns",
    "Dataset",
    "LazyImages",
    "Position",
    "Request",
    "Spec",
    "batch_at",
    "batch_indices",
    "captions_help",
    "check_batch",
    "columns",
    "data_help",
    "data_table",
    "few_shot",
    "load",
    "position",
    "spread_out",
    "to_float",
    "to_uint8",
]
