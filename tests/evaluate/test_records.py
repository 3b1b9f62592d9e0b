"""Records: there and back, the names they may bear, and when two may be compared."""

import dataclasses
import json

import pytest

import genjax
from genjax.errors import InputError
from genjax.evaluate import Record, compare, metric_name, small_sample_warnings
from genjax.evaluate.records import INCEPTION_SHA256

RECORD = Record(
    name="KD[embedded-v1]",
    value=0.125,
    interval=(0.0625, 0.1875),
    interval_note="jackknife, single images",
    method="all pairs",
    n_real=360,
    n_fake=400,
    split="test",
    data="digits",
    data_hash="a" * 64,
    extractor="embedded-v1",
    extractor_version="1",
    extractor_sha256="b" * 64,
    resize="to 32 pixels",
    seed=3,
)


@pytest.mark.parametrize("interval", [None, (0.0625, 0.1875)])
def test_a_record_survives_json(interval):
    record = dataclasses.replace(RECORD, interval=interval)
    text = json.dumps(record.to_json(), allow_nan=False)
    assert Record.from_json(json.loads(text)) == record
    assert record.version == genjax.__version__


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (RECORD.to_json() | {"valu": 1}, "no 'valu'. Did you mean 'value'"),
        ({"name": "KD[embedded-v1]", "value": 1.0}, "a record lacks interval, interval_note"),
        (RECORD.to_json() | {"interval": [1.0]}, "expected \\[low, high\\] or null"),
        (RECORD.to_json() | {"value": float("nan")}, "is nan: there is nothing to record"),
    ],
)
def test_what_is_no_record_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        Record.from_json(values)


def test_only_standard_features_bear_the_published_names():
    assert metric_name("FD", "embedded-v1", "b" * 64) == "FD[embedded-v1]"
    assert metric_name("FD", "inception", INCEPTION_SHA256) == "FID"
    assert metric_name("KD", "inception", INCEPTION_SHA256) == "KID"
    assert metric_name("recall", "inception", INCEPTION_SHA256) == "recall[inception]"
    for name in ("FID", "KID", "IS"):
        with pytest.raises(InputError, match="features of the standard Inception network"):
            dataclasses.replace(RECORD, name=name)
    assert dataclasses.replace(RECORD, name="KID", extractor_sha256=INCEPTION_SHA256).name == "KID"


def test_like_records_are_compared():
    other = dataclasses.replace(RECORD, value=0.5, seed=9, version="0.0.1", interval=None, data="another name")
    assert compare(RECORD, other) == 0.375


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("name", "FD[embedded-v1]", "name 'KD"),
        ("n_real", 50, "n_real 360 and 50"),
        ("n_fake", 50, "n_fake 400 and 50"),
        ("extractor", "random-v1", "extractor 'embedded-v1' and 'random-v1'"),
        ("extractor_sha256", "c" * 64, "bbbbbbbbbbbb and cccccccccccc"),
        ("extractor_version", "2", "'1' and '2'"),
        ("resize", "to 64 pixels", "to 64 pixels"),
        ("split", "train", "'test' and 'train'"),
        ("data_hash", "d" * 64, "aaaaaaaaaaaa and dddddddddddd"),
        ("method", "mean of 100 subsets of 1000", "'all pairs' and"),
    ],
)
def test_unlike_records_are_not(field, value, shown):
    with pytest.raises(InputError, match="cannot be compared") as error:
        compare(RECORD, dataclasses.replace(RECORD, **{field: value}))
    assert shown in str(error.value)


def test_small_samples_are_pointed_out():
    def warned(name, n):
        return small_sample_warnings([dataclasses.replace(RECORD, name=name, n_fake=n, n_real=5000)])

    (frechet,) = warned("FD[embedded-v1]", 999)
    assert "FD[embedded-v1] from 5000 real and 999 generated images is too high" in frechet
    assert "KD[embedded-v1] has no such bias" in frechet
    assert warned("FD[embedded-v1]", 1000) == ()
    assert "Look at its interval" in warned("KD[embedded-v1]", 49)[0]
    assert warned("KD[embedded-v1]", 50) == ()
    assert "coarse steps" in warned("coverage[embedded-v1]", 99)[0]
    assert warned("coverage[embedded-v1]", 100) == ()
