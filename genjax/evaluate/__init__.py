"""Metrics of generated images, quality, diversity and memorisation, as records with counts and feature network.

The metrics themselves are functions of features, arrays (images, numbers); `evaluate_images` goes from images to
records that can be kept and compared.
"""

from genjax.callable_room import make_callable
from genjax.evaluate.features.extractor import Extractor, extract_features, feature_sets
from genjax.evaluate.features.registry import EXTRACTORS, load_extractor
from genjax.evaluate.features.statistics import Statistics, real_statistics, statistics_of
from genjax.evaluate.metrics.classifier_score import classifier_score
from genjax.evaluate.metrics.diversity import intra_diversity, retention, vendi_score
from genjax.evaluate.metrics.frechet import fd_infinity, frechet_distance, frechet_distance_from_statistics
from genjax.evaluate.metrics.kernel import kernel_distance, kernel_distance_interval
from genjax.evaluate.metrics.membership import area_under_curve, membership_scores, true_positive_rate
from genjax.evaluate.metrics.memorisation import auth_pct, c_t, copy_rate
from genjax.evaluate.metrics.neighbours import density_coverage, precision_recall
from genjax.evaluate.metrics.of_models.likelihood import (
    active_units,
    draw_log_weights,
    importance_weighted_nats,
    kl_per_latent,
)
from genjax.evaluate.metrics.of_models.similarity import ms_ssim, ms_ssim_diversity, psnr, ssim
from genjax.evaluate.metrics.smoothness import perceptual_path_length
from genjax.evaluate.records import Record, caveat_warnings, compare, metric_name, plain_words, small_sample_warnings
from genjax.evaluate.scores import CORE, METRICS, evaluate_images

__all__ = [
    "CORE",
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Record",
    "Statistics",
    "active_units",
    "area_under_curve",
    "auth_pct",
    "c_t",
    "caveat_warnings",
    "classifier_score",
    "compare",
    "copy_rate",
    "density_coverage",
    "draw_log_weights",
    "evaluate_images",
    "extract_features",
    "fd_infinity",
    "feature_sets",
    "frechet_distance",
    "frechet_distance_from_statistics",
    "importance_weighted_nats",
    "intra_diversity",
    "kernel_distance",
    "kernel_distance_interval",
    "kl_per_latent",
    "load_extractor",
    "membership_scores",
    "metric_name",
    "ms_ssim",
    "ms_ssim_diversity",
    "perceptual_path_length",
    "plain_words",
    "precision_recall",
    "psnr",
    "real_statistics",
    "retention",
    "small_sample_warnings",
    "ssim",
    "statistics_of",
    "true_positive_rate",
    "vendi_score",
]

make_callable(__name__)
