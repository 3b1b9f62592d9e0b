"""Quality metrics of generated images: the list of all metrics, and `evaluate_images` from images to records."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from genjax.errors import InputError, lookup
from genjax.evaluate.features.extractor import Extractor, check_images, extract_features, feature_sets
from genjax.evaluate.features.statistics import image_hash, real_features
from genjax.evaluate.metrics import diversity, frechet, kernel, membership, memorisation, neighbours
from genjax.evaluate.metrics.intervals import Interval
from genjax.evaluate.metrics.metric import Measured, MetricSpec, Sets
from genjax.evaluate.records import CAVEAT, Record, metric_name

SPECS = (
    kernel.SPEC,
    frechet.SPEC,
    neighbours.PRECISION_RECALL_SPEC,
    neighbours.DENSITY_COVERAGE_SPEC,
    diversity.VENDI_SPEC,
    diversity.INTRA_DIVERSITY_SPEC,
    memorisation.COPY_RATE_SPEC,
    memorisation.AUTHENTICITY_SPEC,
    memorisation.DATA_COPYING_SPEC,
    membership.SPEC,
    diversity.RETENTION_SPEC,
)
FURTHER_IMAGES = {"train": "the training images", "source": "images of the source"}  # that a spec may need
HOW_TO_GIVE = {  # for the error message where they are missing
    "train": "the images that the generator was trained on. Evaluate a run against what it was trained on",
    "source": "a source to compare with. Evaluate a run that was adapted",
}


def by_name(specs: Sequence[MetricSpec]) -> dict[str, MetricSpec]:
    """Returns {metric as it is asked for: the spec of its family}, in the order of the list."""
    return {name: spec for spec in specs for name in spec.names}


def core_names(specs: Sequence[MetricSpec]) -> tuple[str, ...]:
    """Returns the metrics that are measured where none are named."""
    return tuple(name for spec in specs if spec.core for name in spec.names)


def metrics_help(specs: Sequence[MetricSpec] = SPECS) -> str:
    """Returns a line for each family, for the help of --metrics and for documentation; defaults are the caller's."""
    lines = []
    for spec in specs:
        needed = f" Needs {' and '.join(FURTHER_IMAGES[need] for need in spec.needs)}." if spec.needs else ""
        wanted = f" Takes {' and '.join(FURTHER_IMAGES[want] for want in spec.wants)} as well." if spec.wants else ""
        lines.append(f"{', '.join(spec.names)}: {spec.summary}{needed}{wanted}")
    return "\n".join(lines)


METRICS = by_name(SPECS)
CORE = core_names(SPECS)


def evaluate_images(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    extractor: Extractor,
    data: str = "unnamed",
    split: str = "unknown",
    seed: int = 0,
    metrics: Sequence[str] = CORE,
    train_images: np.ndarray | None = None,
    source_images: np.ndarray | None = None,
    intervals: Sequence[str] | None = None,
    cache: Path | None = None,
    known: Mapping[str, MetricSpec] = METRICS,
) -> list[Record]:
    """Measures generated images against real ones.

    Args:
        real_images: uint8 (n, height, width, 1 or 3); held out from training, or the metrics praise copies.
        fake_images: uint8 (m, height, width, 1 or 3), of the same size and channels.
        extractor: network of `load_extractor`, whose features are compared.
        data: name of the real images, for the records.
        split: part of the real set, for the records.
        seed: seed of everything that the metrics draw.
        metrics: names of `known`.
        train_images: training images of the generator, the shots of an adaptation, for the metrics that need them.
        source_images: source's images of the same latents, in the same order, for the metrics that need them.
        intervals: metrics of which 95 % intervals are computed, which takes most of the time; None is all.
        cache: folder in which features of real sets are kept, as `cache_folder` gives it; None for none.
        known: metrics that can be asked for, as `by_name` gives them: another list holds one's own.
    Returns:
        A record for each metric, in the order asked for.
    Raises:
        InputError: unknown metrics, images of another type or shape, too few of them or not those that a metric needs;
            all before anything is computed.
    """
    chosen = {name: lookup(known, name, "metric") for name in metrics}
    _check_sets(real_images, fake_images, chosen, known)
    needed = {need for spec in chosen.values() for need in (*spec.needs, *spec.wants)}
    given = {"train": train_images, "source": source_images}
    _check_further(fake_images, given, chosen)
    further = {need: images for need, images in given.items() if need in needed and images is not None}
    real = real_features(real_images, extractor, folder=cache) if cache else extract_features(extractor, real_images)
    fake = extract_features(extractor, fake_images)
    features = [real, fake, *(extract_features(extractor, images) for images in further.values())]
    # An extractor may be several networks: every metric is measured on each of them and averaged.
    sets = [
        Sets(*parts[:2], **dict(zip(further, parts[2:], strict=True)))
        for parts in zip(*(feature_sets(extractor, each) for each in features), strict=True)
    ]
    measured: dict[str, Measured] = {}
    for measure in dict.fromkeys(spec.measure for spec in chosen.values()):
        wanted = any(intervals is None or name in intervals for name in chosen if chosen[name].measure is measure)
        measured |= average_over_sets([measure(each, seed, wanted) for each in sets])
    return [
        Record(
            name=metric_name(spec.names[name], extractor.name, extractor.sha256),
            value=measured[name].value,
            interval=measured[name].interval.bounds,
            interval_note=measured[name].interval.note,
            method=CAVEAT.join((measured[name].method, *measured[name].caveats)),
            n_real=len(real),
            n_fake=len(fake),
            split=split,
            data=data,
            data_hash=image_hash(real_images),
            extractor=extractor.name,
            extractor_version=extractor.version,
            extractor_sha256=extractor.sha256,
            resize=extractor.resize,
            seed=seed,
        )
        for name, spec in chosen.items()
    ]


def average_over_sets(sets: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """Averages the numbers that were measured on several sets of features.

    The ends of intervals are averaged as well, which makes them too wide rather than too narrow: a mean varies no more
    than its parts do on average.
    """
    if len(sets) == 1:
        return sets[0]
    means = {}
    for name, first in sets[0].items():
        bounds = [part[name].interval.bounds for part in sets]
        known = [pair for pair in bounds if pair is not None]
        low, high = np.mean(known or [(0.0, 0.0)], axis=0)
        ends = (float(low), float(high)) if len(known) == len(sets) else None
        note = first.interval.note if ends is None else f"{first.interval.note}, ends averaged over feature sets"
        value = float(np.mean([part[name].value for part in sets]))
        caveats = tuple(dict.fromkeys(caveat for part in sets for caveat in part[name].caveats))
        method = f"{first.method}, mean of {len(sets)} feature sets"
        means[name] = Measured(value, Interval(ends, note), method, caveats)
    return means


def _check_sets(
    real: np.ndarray, fake: np.ndarray, chosen: Mapping[str, MetricSpec], known: Mapping[str, MetricSpec]
) -> None:
    if not chosen:
        raise InputError(f"no metric was asked for. Known: {', '.join(known)}.")
    check_images(real, "real")
    check_images(fake, "generated")
    if real.shape[1:] != fake.shape[1:]:
        raise InputError(
            f"real images are {_size(real)} and generated ones {_size(fake)} (height, width, channels)."
            " Bring both to one size before: resizing only one of them would count as a difference."
        )
    possible = [name for name, spec in chosen.items() if min(len(real), len(fake)) >= spec.least]
    otherwise = f", or --metrics {','.join(possible)}" if possible else ""
    for name, spec in chosen.items():
        if min(len(real), len(fake)) < spec.least:
            raise InputError(
                f"{name} needs {spec.least} or more images of each set; there are {len(real)} real and {len(fake)}"
                f" generated. Use more images{otherwise}."
            )


def _check_further(fake: np.ndarray, given: Mapping[str, np.ndarray | None], chosen: Mapping[str, MetricSpec]) -> None:
    for name, spec in chosen.items():
        for need in (*spec.needs, *spec.wants):
            images = given[need]
            if images is None and need in spec.wants:
                continue
            if images is None:
                raise InputError(f"{name} needs {HOW_TO_GIVE[need]}, or leave {name} out.")
            check_images(images, need)
            if len(images) < spec.least_other:
                raise InputError(
                    f"{name} needs {spec.least_other} or more {need} images, and there are {len(images)}."
                    f" Leave {name} out."
                )
            if images.shape[1:] != fake.shape[1:]:
                raise InputError(f"{need} images are {_size(images)} and generated ones {_size(fake)}: not alike.")
            if need == "source" and len(images) != len(fake):
                raise InputError(
                    f"there are {len(images)} source images and {len(fake)} generated ones, expected one of each"
                    " for every latent vector."
                )


def _size(images: np.ndarray) -> str:
    return "x".join(str(extent) for extent in images.shape[1:])
