"""How good, how varied, how new: metrics of generated images, always with the counts and the network behind them.

The metrics themselves are functions of features, arrays (images, numbers); `evaluate_images` goes from images to
records that can be kept and compared.
"""

from genjax.evaluate.distances import (
    frechet_distance,
    frechet_distance_from_statistics,
    kernel_distance,
    kernel_distance_interval,
)
from genjax.evaluate.features import EXTRACTORS, Extractor, extract_features, feature_sets, load_extractor
from genjax.evaluate.neighbours import density_coverage, precision_recall
from genjax.evaluate.records import Record, compare, metric_name, small_sample_warnings
from genjax.evaluate.scores import METRICS, evaluate_images
from genjax.evaluate.statistics import Statistics, real_statistics, statistics_of

__all__ = [
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Record",
    "Statistics",
    "compare",
    "density_coverage",
    "evaluate_images",
    "extract_features",
    "feature_sets",
    "frechet_distance",
    "frechet_distance_from_statistics",
    "kernel_distance",
    "kernel_distance_interval",
    "load_extractor",
    "metric_name",
    "precision_recall",
    "real_statistics",
    "small_sample_warnings",
    "statistics_of",
]
