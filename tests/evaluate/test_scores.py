"""From images to records: every metric, in the order asked for, and every bad input before anything is computed."""

import dataclasses
import json

import numpy as np
import pytest

from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate import (
    CORE,
    METRICS,
    Extractor,
    caveat_warnings,
    compare,
    evaluate_images,
    extract_features,
    load_extractor,
    plain_words,
)
from genjax.evaluate.metrics import metric as metric_module
from genjax.evaluate.metrics.intervals import Interval
from genjax.evaluate.metrics.metric import Measured, MetricSpec
from genjax.evaluate.scores import SPECS, average_over_sets, by_name, core_names, metrics_help

MEMBERSHIP = ("membership", "membership_tpr")


@pytest.fixture(scope="module")
def means():
    """A network that anybody can compute: the means over quarters of the image."""

    def apply(images):
        return images.reshape(len(images), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(images), -1) / 255

    return Extractor("means", "1", "0" * 64, 12, 32, "as they are", apply)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(2, 40, 8, 8, 1), dtype=np.uint8)


def test_every_metric_gives_a_record(means, images):
    real, fake = images
    records = evaluate_images(real, fake[:30], extractor=means, data="noise", split="test", seed=4)
    assert [record.name for record in records] == [
        f"{label}[means]" for label in ("KD", "FD", "precision", "recall", "density", "coverage", "vendi")
    ]
    for record in records:
        assert (record.n_real, record.n_fake, record.data, record.split) == (40, 30, "noise", "test")
        assert (record.extractor, record.extractor_sha256, record.seed) == ("means", "0" * 64, 4)
        assert record.interval is None or record.interval[0] <= record.value <= record.interval[1]
        json.dumps(record.to_json(), allow_nan=False)
    again = evaluate_images(real, fake[:30], extractor=means, data="noise", split="test", seed=4)
    assert again == records


def test_the_order_is_the_one_asked_for(means, images):
    records = evaluate_images(*images, extractor=means, metrics=("coverage", "kd", "density"), intervals=())
    assert [record.name for record in records] == ["coverage[means]", "KD[means]", "density[means]"]
    assert {record.interval for record in records} == {None}
    assert {record.interval_note for record in records} == {"none: not asked for"}
    assert [record.method for record in records] == ["k=5", "all pairs", "k=5"]


def test_a_part_of_the_metrics_has_the_same_values(means, images):
    together = {record.name: record for record in evaluate_images(*images, extractor=means)}
    for name in CORE:
        (alone,) = evaluate_images(*images, extractor=means, metrics=(name,))
        assert alone == together[alone.name]


def test_large_sets_have_no_jackknife(means, images, monkeypatch):
    monkeypatch.setattr(metric_module, "LARGEST_JACKKNIFE", 30)
    by_name = {record.name: record for record in evaluate_images(*images, extractor=means)}
    assert by_name["recall[means]"].interval_note == "none: more than 30 images"
    assert by_name["KD[means]"].interval is not None


def test_other_real_images_are_noticed(means, images):
    first, second = (evaluate_images(real, images[1], extractor=means, metrics=("kd",))[0] for real in images)
    with pytest.raises(InputError, match="data_hash"):
        compare(first, second)


def test_the_least_that_can_be_measured(means, images):
    real, fake = images
    (kd, fd) = evaluate_images(real[:2], fake[:2], extractor=means, metrics=("kd", "fd"))
    assert kd.interval_note == "none: fewer than 3 images"
    assert fd.interval_note == "none: too few images to leave some out"
    assert len(evaluate_images(real[:6], fake[:6], extractor=means)) == len(CORE)


def test_a_collapsed_generator_is_recorded(means, images):
    real, fake = images
    records = evaluate_images(real, np.repeat(fake[:1], 40, axis=0), extractor=means)
    assert all(np.isfinite(record.value) for record in records)


def test_bad_input_is_refused_before_anything_is_computed(images):
    def never(images):
        raise AssertionError("the network was run")

    extractor = Extractor("never", "1", "0" * 64, 12, 32, "as they are", never)
    real, fake = images
    bad = [
        ((real, fake, ("fdd",)), "unknown metric 'fdd'. Did you mean 'fd'"),
        ((real, fake, ()), "no metric was asked for"),
        ((real / 255, fake, ("kd",)), "real images are float64, expected uint8"),
        ((real, fake[..., 0], ("kd",)), "generated images have the shape"),
        ((real, fake[:, :4, :4], ("kd",)), "real images are 8x8x1 and generated ones 4x4x1"),
        ((real, np.repeat(fake, 3, axis=-1), ("kd",)), "generated ones 8x8x3"),
        (
            (real[:1], fake, ("kd",)),
            r"kd needs 2 or more images of each set; there are 1 real and 40 generated. Use more images.$",
        ),
        ((real, fake[:5], ("fd", "coverage")), "coverage needs 6 or more .* Use more images, or --metrics fd.$"),
    ]
    for (real_images, fake_images, metrics), message in bad:
        with pytest.raises(InputError, match=message):
            evaluate_images(real_images, fake_images, extractor=extractor, metrics=metrics)


def test_held_out_digits_against_digits_and_glyphs():
    extractor, metrics = load_extractor(), ("kd", "coverage")
    indices = np.arange(200)
    real = load("digits", split="test", num=200).images[indices]
    digits, glyphs = (load(spec, num=200).images[indices] for spec in ("digits", "glyphs"))
    kd, coverage = evaluate_images(real, digits, extractor=extractor, metrics=metrics, split="test", data="digits")
    far_kd, far_coverage = evaluate_images(real, glyphs, extractor=extractor, metrics=metrics, split="test")
    assert kd.interval is not None
    assert far_kd.interval is not None
    assert kd.interval[1] < far_kd.interval[0]
    assert coverage.value > 0.9 > 0.1 > far_coverage.value
    assert compare(kd, far_kd) > 1


def test_metrics_of_a_run_need_its_training_images_and_its_source(means, images):
    real, fake = images
    alone = ("intra_diversity", "copy_rate", "auth_pct", "c_t", "retention")
    records = evaluate_images(
        real, fake, extractor=means, metrics=alone, train_images=real[:4], source_images=fake[::-1]
    )
    assert [record.name for record in records] == [f"{name}[means]" for name in alone]
    one = {"extractor": means, "train_images": real[:1]}
    (copied,) = evaluate_images(real, real[:1].repeat(40, axis=0), metrics=("copy_rate",), **one)
    assert copied.value == 1, "one shot can be copied"
    with pytest.raises(InputError, match="auth_pct needs 2 or more train images, and there are 1"):
        evaluate_images(real, fake, metrics=("auth_pct",), **one)
    for metric, message in (("copy_rate", "that the generator was trained on"), ("retention", "needs a source")):
        with pytest.raises(InputError, match=message):
            evaluate_images(real, fake, extractor=means, metrics=(metric,))
    with pytest.raises(InputError, match="39 source images and 40 generated ones"):
        evaluate_images(real, fake, extractor=means, metrics=("retention",), source_images=fake[1:])
    with pytest.raises(InputError, match="train images are 4x8x1"):
        evaluate_images(real, fake, extractor=means, metrics=("c_t",), train_images=real[:, :4])


def test_what_a_metric_wants_it_takes_where_there_is_any(means, images):
    real, fake = images
    about = {"extractor": means, "metrics": MEMBERSHIP[::-1], "train_images": fake[:9]}
    alone, with_source = (
        evaluate_images(real, fake, **about, source_images=source) for source in (None, real[::-1].copy())
    )
    assert [record.name for record in alone] == ["membership_tpr[means]", "membership[means]"]
    assert [record.value for record in alone] == [1, 1], "its samples are the training images"
    assert "no source" in alone[1].method
    assert "less that of the source" in with_source[1].method
    (said,) = plain_words(alone)
    assert said == (
        "An outsider who sees samples tells an image that was trained on from one that was not in 10 of 10 cases (5 are"
        " guessing): membership[means]."
    )
    for interval in ((0.4, 0.8), (0.55, 0.8)):
        told = plain_words([dataclasses.replace(alone[1], value=0.7, interval=interval)])
        assert len(told) == (interval[0] > 0.5)
    with pytest.raises(InputError, match="39 source images and 40 generated ones"):
        evaluate_images(real, fake, **about, source_images=real[1:])


def test_a_caveat_stands_in_the_record_and_is_warned_of_once(means, images):
    real, fake = images
    metrics = ("copy_rate", "c_t", "auth_pct")
    records = evaluate_images(real, fake, extractor=means, metrics=metrics, train_images=real[:3])
    said = "3 of 40 held-out images are training images as well and"
    assert [record.method for record in records] == [
        f"5 % quantile of held-out images; {said} are left out",
        f"one cell; {said} hide copies",
        "nearest training image",
    ]
    assert caveat_warnings(records) == (f"copy_rate[means]: {said} are left out.", f"c_t[means]: {said} hide copies.")
    again = dataclasses.replace(records[0], name="other")
    assert caveat_warnings((records[0], again)) == (f"copy_rate[means], other: {said} are left out.",)


def test_the_caveats_of_all_feature_sets_are_kept():
    first, second = (Measured(0.5, Interval(None, "none"), "k=3", caveats) for caveats in (("a",), ("a", "b")))
    averaged = average_over_sets([{"x": first}, {"x": second}])["x"]
    assert (averaged.method, averaged.caveats) == ("k=3, mean of 2 feature sets", ("a", "b"))


def test_the_metrics_and_those_by_default_follow_from_the_list():
    core = ("kd", "fd", "precision", "recall", "density", "coverage", "vendi")
    assert core == CORE
    assert tuple(METRICS) == (*core, "intra_diversity", "copy_rate", "auth_pct", "c_t", *MEMBERSHIP, "retention")
    least = {"precision": 4, "recall": 4, "density": 6, "coverage": 6, "c_t": 5, "retention": 3}
    assert {name: spec.least for name, spec in METRICS.items() if spec.least != 2} == least
    needs = {name: (*spec.needs, spec.least_other) for name, spec in METRICS.items() if spec.needs}
    of_train = dict.fromkeys(("intra_diversity", "copy_rate", "c_t"), ("train", 1))
    of_two = dict.fromkeys(("auth_pct", *MEMBERSHIP), ("train", 2))
    assert needs == of_train | of_two | {"retention": ("source", 1)}
    assert {name: spec.wants for name, spec in METRICS.items() if spec.wants} == dict.fromkeys(MEMBERSHIP, ("source",))
    assert not any(spec.needs for spec in SPECS if spec.core), "the default asks for no further images"
    assert len(METRICS) == sum(len(spec.names) for spec in SPECS), "no name twice"


def test_a_metric_that_describes_itself_becomes_a_record(means, images):
    """One function and one SPEC, without a line about it anywhere else."""

    def measure_brightness(sets, seed, intervals):
        return {"brighter": Measured(float(sets.fake.mean() - sets.train.mean()), Interval(None, "none"), "mean")}

    spec = MetricSpec({"brighter": "BR"}, measure_brightness, "How much brighter.", least=3, needs=("train",))
    known = by_name((*SPECS, spec))
    real, fake = images
    given = {"extractor": means, "known": known, "metrics": ("brighter", "kd")}
    record, kd = evaluate_images(real, fake, train_images=real[:4], **given)
    assert (record.name, record.method, kd.name) == ("BR[means]", "mean", "KD[means]")
    features, of_train = (extract_features(means, part) for part in (fake, real[:4]))
    assert record.value == pytest.approx(features.mean() - of_train.mean())
    with pytest.raises(InputError, match="brighter needs 3 or more images of each set"):
        evaluate_images(real[:2], fake, train_images=real, **given)
    with pytest.raises(InputError, match="brighter needs the images that the generator was trained on"):
        evaluate_images(real, fake, **given)
    with pytest.raises(InputError, match="unknown metric 'brighter'"):
        evaluate_images(real, fake, extractor=means, metrics=("brighter",))
    assert "brighter" not in core_names((*SPECS, spec))
    assert "brighter: How much brighter. Needs the training images." in metrics_help((*SPECS, spec))


def test_the_help_names_every_metric_and_what_it_needs():
    lines = metrics_help().splitlines()
    assert [name for line in lines for name in line.partition(":")[0].split(", ")] == list(METRICS)
    assert [line.partition(":")[0] for line in lines if "Needs images of the source" in line] == ["retention"]
