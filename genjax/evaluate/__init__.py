"""How good, how varied, how new: metrics of generated images, always with the counts and the network behind them.

The metrics themselves are functions of features, arrays (images, numbers); `evaluate_images` goes from images to
records that can be kept and compared.
"""

from genjax.evaluate.classifier_score import classifier_score
from genjax.evaluate.distances import (
    frechet_distance,
    frechet_distance_from_statistics,
    kernel_distance,
    kernel_distance_interval,
)
from genjax.evaluate.diversity import intra_diversity, retention, vendi_score
from genjax.evaluate.extrapolated import fd_infinity
from genjax.evaluate.features import EXTRACTORS, Extractor, extract_features, feature_sets, load_extractor
from genjax.evaluate.likelihood import active_units, draw_log_weights, importance_weighted_nats, kl_per_latent
from genjax.evaluate.memorisation import auth_pct, c_t, copy_rate
from genjax.evaluate.neighbours import density_coverage, precision_recall
from genjax.evaluate.records import Record, compare, metric_name, small_sample_warnings
from genjax.evaluate.scores import CORE, METRICS, evaluate_images
from genjax.evaluate.similarity import ms_ssim, ms_ssim_diversity, psnr, ssim
from genjax.evaluate.smoothness import perceptual_path_length
from genjax.evaluate.statistics import Statistics, real_statistics, statistics_of

__all__ = [
    "CORE",
    "EXTRACTORS",
    "METRICS",
    "Extractor",
    "Record",
    "Statistics",
    "active_units",
    "auth_pct",
    "c_t",
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
    "metric_name",
    "ms_ssim",
    "ms_ssim_diversity",
    "perceptual_path_length",
    "precision_recall",
    "psnr",
    "real_statistics",
    "retention",
    "small_sample_warnings",
    "ssim",
    "statistics_of",
    "vendi_score",
]
