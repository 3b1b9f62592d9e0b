"""Figures of the trained text-to-image model as records that its report can show.

Captions and adaptations are left out: they are of other networks.
"""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.text_to_image.figures import cases
from experiments.text_to_image.judges import judge_sha256
from experiments.text_to_image.settings import HEADS, NEW, SETS, Experiment, judges_of
from experiments.text_to_image.tables import lifts
from genjax.data import Dataset, load
from genjax.evaluate import Record
from genjax.evaluate.attributes import Share
from genjax.evaluate.features.statistics import image_hash

COUNTS = {"prior": ("token_nats", ""), "unigram": ("unigram_nats", ", by counts")}
COUNTS |= {"unigram of each place": ("unigram_nats", ", by counts of each place")}


def records_of(settings: Experiment, figures: dict[str, Any]) -> list[Record]:
    """Makes the records: shares of attributes of samples and of real images, lift, kernel distance and likelihood."""
    samples = {name: row["shares"] for name, row in figures["samples"].items()}
    return [
        *(record for head in ("all", *HEADS) for record in share_records(settings, samples, figures, head)),
        *lift_records(settings, samples),
        *distance_records(settings, figures["samples"]),
        *likelihood_records(settings, figures["likelihood"]),
    ]


def share_records(
    settings: Experiment, samples: dict[str, dict[str, Share]], figures: dict[str, Any], head: str
) -> Iterator[Record]:
    """Yields records of one attribute: of samples as asked, and of real images, to show the classifier's errors."""
    note, judge = "Wilson, over images", classifier(settings)
    for name, shares in samples.items():
        case, where = name.rsplit(", ", 1)
        about = about_set(settings, where, "train") | judge | {"n_real": 0, "n_fake": settings.num}
        yield record(f"as_asked[{head}]", shares[head], note, case_of(settings, case), drawn(settings), about)
    for name, shares in figures["classifier"].items():
        where, fonts, *through = name.split(", ")
        about = about_set(settings, where, fonts.removesuffix(" fonts")) | judge
        yield record(f"as_labelled[{head}]", shares[head], note, ", ".join(through) or "as they are", NEW, about)


def lift_records(settings: Experiment, samples: dict[str, dict[str, Share]]) -> Iterator[Record]:
    """Yields the gain of the best of several over the first one, with all attributes right."""
    for name, lift in lifts(samples).items():
        case, where = name.rsplit(", ", 1)
        about = about_set(settings, where, "train") | classifier(settings) | {"n_real": 0, "n_fake": settings.num}
        method = f"{case_of(settings, case)}, best of 8 against the first"
        yield record("lift[all]", lift, "Newcombe, over images", method, drawn(settings), about)


def distance_records(settings: Experiment, samples: dict[str, Any]) -> Iterator[Record]:
    """Yields kernel distances, with the way of sampling among their settings."""
    for name, row in samples.items():
        how = f"{case_of(settings, name.rsplit(', ', 1)[0])}, drawn with seed {drawn(settings)}"
        yield Record.from_json(row["kd"] | {"method": f"{how}; {row['kd']['method']}"})


def likelihood_records(settings: Experiment, likelihood: dict[str, dict[str, Share]]) -> Iterator[Record]:
    """Yields the nats of an image's tokens, by the prior and by counts of the training set."""
    none = {"extractor": "none", "extractor_version": "", "extractor_sha256": ""}
    for name, found in likelihood.items():
        where, fonts = name.split(", ")
        about = about_set(settings, where, fonts.removesuffix(" fonts")) | none
        for by, nats in found.items():
            metric, how = COUNTS[by]
            method = f"of an image's tokens{how or ', given its text'}"
            yield record(metric, nats, "normal, over images", method, NEW, about)


def record(name: str, found: Share, note: str, method: str, seed: int, about: dict[str, Any]) -> Record:
    """Makes a record of a value and its interval."""
    value, low, high = found
    return Record(name, value, (low, high), note, method, seed=seed, resize="", **about)


def case_of(settings: Experiment, case: str) -> str:
    """Names a way of sampling with its guidance."""
    guidance = cases(settings)[case]["decoding"].guidance
    return case if guidance == 1 else f"{case}, guidance {guidance:g}"


def drawn(settings: Experiment) -> int:
    """Seed of the samples."""
    return settings.seed + 7


def classifier(settings: Experiment) -> dict[str, str]:
    """Names the judge as a record does."""
    sha256 = judge_sha256(judges_of(settings), "classifier")
    version = f"{settings.classifier_steps} steps"
    return {"extractor": "attribute classifier", "extractor_version": version, "extractor_sha256": sha256}


def about_set(settings: Experiment, where: str, split: str) -> dict[str, Any]:
    """Describes the images that were judged, or whose captions were drawn."""
    data = judged(SETS[where], split, settings.num)
    pixels = image_hash(np.asarray(data.images))
    return {"data": SETS[where], "split": split, "data_hash": pixels, "n_real": len(data), "n_fake": 0}


@functools.cache
def judged(spec: str, split: str, num: int) -> Dataset:
    """Loads a set as figures.py judges it."""
    return load(spec, size=32, split=split, num=num, seed=NEW)
