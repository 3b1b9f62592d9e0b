"""The evaluation in a report: samples against held-out images, by the metrics for which there are images enough."""

import numpy as np

from genjax.data import Dataset, spread_out
from genjax.devices import backend
from genjax.errors import InputError
from genjax.evaluate import METRICS, Extractor, Record, evaluate_images
from genjax.evaluate.metrics.membership import SPEC as MEMBERSHIP
from genjax.evaluate.run_data import Real
from genjax.report.nearest import SEARCHED

PICTURED = 64  # samples in the grid
TRAINING_PICTURED = 64
AROUND = 5  # held-out images for every training image, from which on one looks around each


def training_caption(train: Dataset | None) -> str:
    """Says which of the training images are shown."""
    few = train is None or len(train) <= TRAINING_PICTURED
    return "all images that it was trained on" if few else f"{TRAINING_PICTURED} of the images that it was trained on"


def measure(
    samples: np.ndarray, real: Real, source: np.ndarray | None, extractor: Extractor, num: int
) -> tuple[list[Record], list[str]]:
    """Measures samples against as many held-out images, by the metrics for which there are images enough.

    Returns:
        The records, and what is to be said where nothing could be measured: a page without numbers is still a page.
    """
    try:
        return _measured(samples, real, source, extractor, num), []
    except InputError as error:
        return [], [f"Nothing was measured: {error}"]


def other_classes(train: Dataset, held_out: Dataset) -> bool:
    """Returns True if the images of two sets have classes, and none in common: characters of a font."""
    if train.labels is None or held_out.labels is None:
        return False
    taught = {train.class_names[label] for label in train.labels}
    return taught.isdisjoint(held_out.class_names[label] for label in held_out.labels)


def _measured(
    samples: np.ndarray, real: Real, source: np.ndarray | None, extractor: Extractor, num: int
) -> list[Record]:
    if real.held_out is None:
        return []
    chosen = spread_out(real.held_out, num)
    fake = samples[: len(chosen)]
    others = {
        "train": None if real.train is None else spread_out(real.train, SEARCHED).images[:],
        "source": None if source is None else source[: len(fake)],
    }
    counts = {need: 0 if images is None else len(images) for need, images in others.items()}
    metrics = [
        name
        for name, metric in METRICS.items()
        if len(chosen) >= metric.least and all(counts[need] >= metric.least_other for need in metric.needs)
    ]
    if real.train is not None and len(chosen) < AROUND * len(real.train):
        metrics.remove("intra_diversity")  # it compares the images around each shot, and there are hardly two
    if real.train is not None and other_classes(real.train, real.held_out):
        metrics = [name for name in metrics if name not in MEMBERSHIP.names]  # by its class an image is told as well
    if not metrics:
        return []
    return evaluate_images(
        chosen.images[:],
        fake,
        extractor=extractor,
        metrics=metrics,
        train_images=others["train"],
        source_images=others["source"],
        data=real.held_out.name,
        split=real.held_out.split,
        cache=backend.cache_folder(),
    )
