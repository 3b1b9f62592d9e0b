"""Memorisation: what is expected of new images, of copies, and of everything between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu, norm

from genjax.errors import InputError
from genjax.evaluate.metrics.memorisation import (
    auth_pct,
    c_t,
    copy_rate,
    measure_copy_rate,
    measure_data_copying,
    nearest,
)
from genjax.evaluate.metrics.metric import Sets

RNG = np.random.default_rng(0)
TRAIN, TEST, NEW = (RNG.standard_normal((n, 8)) for n in (200, 300, 400))
CASES = settings(max_examples=20, deadline=None, derandomize=True)


def with_copies(share):
    """New images, of which a part are training images with hardly any noise."""
    count = int(share * len(NEW))
    copies = TRAIN[np.arange(count) % len(TRAIN)] + 1e-3 * RNG.standard_normal((count, 8))
    return np.concatenate([copies, NEW[count:]])


def test_the_nearest_by_hand():
    indices, distances = nearest([[0.0, 0.0], [5.0, 5.0]], [[1.0, 0.0], [0.0, 2.0], [5.0, 6.0]], 2)
    np.testing.assert_array_equal(indices, [[0, 1], [2, 1]])
    np.testing.assert_allclose(distances, [[1, 2], [1, 34**0.5]])


def test_copies_are_at_no_distance_at_all():
    far = TRAIN + 1e3
    assert nearest(far, far)[1].max() == 0
    # Every distance is 0, so that ranks must not follow the last digits.
    assert c_t(far, far, far[:50]) == 0
    assert auth_pct(np.repeat(far, 2, axis=0), far) == 0


@CASES
@given(n=st.integers(1, 9), m=st.integers(1, 9), d=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_nearest_are_those_of_all_distances(n, m, d, seed):
    rng = np.random.default_rng(seed)
    features, others = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    for k in (1, m):
        indices, distances = nearest(features, others, k)
        np.testing.assert_allclose(distances, np.sort(cdist(features, others), axis=1)[:, :k], atol=1e-12)
        np.testing.assert_array_equal(indices, np.argsort(cdist(features, others), axis=1)[:, :k])


@CASES
@given(seed=st.integers(0, 99))
def test_none_depends_on_the_order_the_place_or_the_scale(seed):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    train, test, fake = (3 * part[rng.permutation(len(part))] @ rotation + 7 for part in (TRAIN, TEST, NEW))
    assert copy_rate(fake, train, test) == copy_rate(NEW, TRAIN, TEST)
    assert auth_pct(train, fake) == auth_pct(TRAIN, NEW)
    assert c_t(train, test, fake) == pytest.approx(c_t(TRAIN, TEST, NEW), rel=1e-9)


def test_new_images_are_as_near_as_held_out_ones():
    assert copy_rate(NEW, TRAIN, TEST) == pytest.approx(0.05, abs=0.03)
    assert copy_rate(NEW, TRAIN, TEST, quantile=0.3) == pytest.approx(0.3, abs=0.07)
    assert auth_pct(TRAIN, NEW) == pytest.approx(0.5, abs=0.15)  # equal in distribution: as often farther as nearer
    assert abs(c_t(TRAIN, TEST, NEW)) < 3
    assert abs(c_t(TRAIN, TEST, NEW, cells=3)) < 3


def test_all_copies():
    assert copy_rate(TRAIN, TRAIN, TEST) == 1
    assert auth_pct(TRAIN, TRAIN) == 0
    assert c_t(TRAIN, TEST, TRAIN) < -15


@pytest.mark.parametrize("shared", [3, 40, 298, 300])
def test_held_out_images_that_are_training_images_do_not_hide_copies(shared):
    test = np.concatenate([TRAIN[np.arange(shared) % len(TRAIN)], TEST[shared:]])
    assert copy_rate(TRAIN, TRAIN, test) == 1
    assert copy_rate(np.concatenate([TRAIN, TRAIN + 1e3]), TRAIN, test) == 0.5
    new = test[shared:]
    assert copy_rate(NEW, TRAIN, test) == (copy_rate(NEW, TRAIN, new) if len(new) else 0)


def test_held_out_images_that_are_training_images_are_counted():
    def caveats(train, test):
        measured = [measure(Sets(test, NEW, train), 0, False) for measure in (measure_copy_rate, measure_data_copying)]
        return [number.caveats for numbers in measured for number in numbers.values()]

    assert caveats(TRAIN, TEST) == [(), ()]
    said = "4 of 300 held-out images are training images as well and"
    assert caveats(np.concatenate([TRAIN, TEST[:4]]), TEST) == [(f"{said} are left out",), (f"{said} hide copies",)]


def test_equal_training_images_count_once():
    twice = np.repeat(TRAIN, 2, axis=0)
    near = with_copies(1)
    assert auth_pct(twice, near) == auth_pct(TRAIN, near) == 0
    assert auth_pct(twice, NEW) == auth_pct(TRAIN, NEW)
    assert copy_rate(NEW, twice, TEST) == copy_rate(NEW, TRAIN, TEST)
    same = np.repeat(TRAIN[:1], 5, axis=0)
    assert auth_pct(same, np.concatenate([TRAIN[:1], NEW[:1]])) == 0.5


def test_each_moves_with_the_share_of_copies():
    mixed = [with_copies(share) for share in (0, 0.2, 0.5, 0.9)]
    rates, authentic = [copy_rate(fake, TRAIN, TEST) for fake in mixed], [auth_pct(TRAIN, fake) for fake in mixed]
    z = [c_t(TRAIN, TEST, fake) for fake in mixed]
    assert rates == sorted(rates)
    assert authentic == sorted(authentic, reverse=True)
    assert z == sorted(z, reverse=True)
    assert c_t(TRAIN, TEST, 3 * NEW) > 10  # far from everything: underfitting


@pytest.mark.parametrize("ties", [False, True])
def test_c_t_is_the_z_score_of_mann_whitney(ties):
    to_test, to_fake = np.abs(RNG.standard_normal(60)), np.abs(RNG.standard_normal(90)) * 0.8
    if ties:
        to_test, to_fake = np.round(3 * to_test), np.round(3 * to_fake)
    found = mannwhitneyu(to_fake, to_test, method="asymptotic", use_continuity=False, alternative="less")
    assert c_t([[0.0]], to_test[:, None], to_fake[:, None]) == pytest.approx(norm.ppf(found.pvalue), rel=1e-6)


def test_copies_in_one_region_do_not_hide_behind_the_others():
    train, test = (np.concatenate([part, part + 50]) for part in (TRAIN, TEST))
    fake = np.concatenate([TRAIN, 3 * NEW[:200] + 50])  # copies here, far from everything there
    assert c_t(train, test, fake, cells=2) == pytest.approx(
        np.mean([c_t(TRAIN, TEST, TRAIN), c_t(TRAIN, TEST, 3 * NEW[:200])]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest(NEW, TRAIN[:, :3]), "8 features each and training images 3"),
        (lambda: nearest(NEW, TRAIN[:2], 3), "k=3 nearest images of 2"),
        (lambda: nearest([[np.inf]], [[1.0]]), "not finite"),
        (lambda: copy_rate(NEW, TRAIN, TEST, quantile=1.0), "quantile=1.0"),
        (lambda: auth_pct(TRAIN[:1], NEW), "expected 2 or more"),
        (lambda: c_t(TRAIN, TEST[:4], NEW), "none of 1 cells"),
        (lambda: c_t(TRAIN, TEST, NEW, cells=0), "0 cells"),
        (lambda: c_t(np.ones((9, 8)), TEST, NEW, cells=2), "2 cells of 1 different"),
        (lambda: c_t(TRAIN, TEST[:, :3], NEW), "held-out images have 3 features"),
        (lambda: c_t(TRAIN, TEST, NEW * np.nan), "generated features of 400 of 400 images are not finite"),
        (lambda: copy_rate(NEW, TRAIN, TEST * np.nan), "held-out features of 300 of 300 images are not finite"),
        (lambda: copy_rate(NEW, TRAIN, TEST[:1]), "held-out features are of 1 image, expected 2 or more"),
        (lambda: copy_rate(NEW, TRAIN * np.nan, TEST), "training features of 200"),
        (lambda: copy_rate(NEW[:0], TRAIN, TEST), "generated features are of 0 images"),
        (lambda: auth_pct(TRAIN, NEW[:, :3]), "3 features each and training images 8"),
    ],
)
def test_what_cannot_be_measured_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
