"""Records: a metric's value with its interval, image counts, data, feature extractor, resize rule and seed."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genjax.errors import InputError, did_you_mean
from genjax.evaluate.metrics.membership import in_words
from genjax.version import __version__

# Hash of the weights file of the network of the published FID and KID.
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_NAMES = {"FD": "FID", "KD": "KID"}
# Fields that must agree before two records are compared.
COMPARED = (
    *("name", "extractor", "extractor_version", "extractor_sha256", "resize", "method"),
    *("split", "data_hash", "n_real", "n_fake"),
)
CAVEAT = "; "  # stands before each caveat in a record's method
FEW_FOR_FD, FEW_FOR_KD, FEW_FOR_SHARES = 1000, 50, 100  # images of a set, under which to warn


@dataclass(frozen=True)
class Record:
    """One metric of one set of generated images, measured once.

    Attributes:
        name: name of the metric with its extractor, such as ``KD[embedded-v1]``.
        value: number that was measured.
        interval: 95 % interval (low, high), or None.
        interval_note: method by which the interval was found, or the reason that there is none.
        method: settings of the metric, such as ``k=3``, and caveats about these images, each after "; ".
        n_real: number of real images.
        n_fake: number of generated images.
        split: part of the real set; only test is held out.
        data: name of the real set.
        data_hash: sha256 of the real images as they were handed over.
        extractor: name of the feature network.
        extractor_version: version of how it is applied.
        extractor_sha256: sha256 of its weights file.
        resize: rule by which images were brought to its size.
        seed: seed of everything that the metric draws.
        version: version of genjax.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    interval_note: str
    method: str
    n_real: int
    n_fake: int
    split: str
    data: str
    data_hash: str
    extractor: str
    extractor_version: str
    extractor_sha256: str
    resize: str
    seed: int
    version: str = __version__

    def __post_init__(self) -> None:
        """Raises InputError for a number that is not finite, and for a published name on other features."""
        if not math.isfinite(self.value):
            raise InputError(f"{self.name} is {self.value}: there is nothing to record.")
        published = (*INCEPTION_NAMES.values(), "IS")
        if self.name in published and self.extractor_sha256 != INCEPTION_SHA256:
            raise InputError(
                f"{self.name} is the name for features of the standard Inception network, and these are of"
                f" {self.extractor}. Use metric_name for the right name."
            )

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, as json.dumps takes them."""
        return dataclasses.asdict(self) | {"interval": None if self.interval is None else list(self.interval)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Record":
        """Reads a record from the values of `to_json`.

        Raises:
            InputError: a name is missing or unknown, or the interval is not of two numbers.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise InputError(f"a record has no {name!r}. {did_you_mean(name, names)}")
        missing = [name for name in names if name not in values]
        if missing:
            raise InputError(f"a record lacks {', '.join(missing)}. Evaluate again with this version of genjax.")
        interval = values["interval"]
        if interval is not None and len(interval) != 2:
            raise InputError(f"the interval of {values['name']} is {interval}, expected [low, high] or null.")
        # JSON gives a list for the interval; records hold a tuple, and are equal if all fields are.
        return cls(**{**values, "interval": None if interval is None else (interval[0], interval[1])})


def metric_name(metric: str, extractor: str, extractor_sha256: str) -> str:
    """Names a record, such as ``FD[embedded-v1]``; FID and KID for the standard Inception network alone.

    Args:
        metric: name of the metric, such as FD.
        extractor: name of the feature network.
        extractor_sha256: sha256 of its weights file, which tells the standard Inception from others.
    """
    if extractor_sha256 == INCEPTION_SHA256 and metric in INCEPTION_NAMES:
        return INCEPTION_NAMES[metric]
    return f"{metric}[{extractor}]"


def compare(first: Record, second: Record) -> float:
    """Returns the second value less the first.

    Raises:
        InputError: the two were not measured alike, so that the difference would mean nothing.
    """
    unlike = [name for name in COMPARED if getattr(first, name) != getattr(second, name)]
    if unlike:
        reasons = "; ".join(f"{name} {_short(first, name)} and {_short(second, name)}" for name in unlike)
        raise InputError(f"{first.name} and {second.name} cannot be compared: {reasons}. Evaluate both alike.")
    return second.value - first.value


def plain_words(records: Iterable[Record]) -> tuple[str, ...]:
    """Says in a sentence what a reader must not miss: that training images can be told from others by samples."""
    return tuple(
        f"{in_words(record.value).capitalize()}: {record.name}."
        for record in records
        if record.name.startswith("membership[") and (record.interval[0] if record.interval else record.value) > 0.5
    )


def small_sample_warnings(records: Iterable[Record]) -> tuple[str, ...]:
    """Warns of records from few images, in plain words."""
    return tuple(warning for record in records for warning in _warnings(record))


def caveat_warnings(records: Iterable[Record]) -> tuple[str, ...]:
    """Warns of what records say of their images in `method`, once for all records that say the same."""
    names: dict[str, list[str]] = {}
    for record in records:
        for caveat in record.method.split(CAVEAT)[1:]:
            names.setdefault(caveat, []).append(record.name)
    return tuple(f"{', '.join(named)}: {caveat}." for caveat, named in names.items())


def _warnings(record: Record) -> list[str]:
    metric, fewest = record.name.partition("[")[0], min(record.n_real, record.n_fake)
    counts = f"{record.name} from {record.n_real} real and {record.n_fake} generated images"
    if metric in ("FD", "FID") and fewest < FEW_FOR_FD:
        kernel = record.name.replace("FID", "KID").replace("FD", "KD")
        return [
            f"{counts} is too high: the fewer the images, the more. Compare it at the same counts only;"
            f" {kernel} has no such bias."
        ]
    if metric in ("KD", "KID") and fewest < FEW_FOR_KD:
        return [f"{counts} is right on average, but far off in a single measurement. Look at its interval."]
    if metric in ("precision", "recall", "density", "coverage") and fewest < FEW_FOR_SHARES:
        return [f"{counts} moves in coarse steps and depends on the counts. Compare it at the same counts only."]
    return []


def _short(record: Record, name: str) -> str:
    value = getattr(record, name)
    return value[:12] if name.endswith(("sha256", "hash")) else repr(value)
