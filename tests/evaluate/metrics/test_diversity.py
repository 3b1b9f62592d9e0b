"""Diversity: golden numbers, closed forms, and the direction in which each must move."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from genjax.errors import InputError
from genjax.evaluate.metrics import diversity, neighbours
from genjax.evaluate.metrics.diversity import (
    intra_diversity,
    pair_distances,
    retention,
    vendi_score,
    vendi_score_of_kernel,
)

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.standard_normal((500, 32)), RNG.standard_normal((400, 32)) * 0.8 + 0.3
CASES = settings(max_examples=20, deadline=None, derandomize=True)


def test_golden_numbers():
    assert vendi_score(FAKE) == pytest.approx(27.2758603123, rel=1e-10)
    kernel = [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]]
    assert vendi_score_of_kernel(kernel) == pytest.approx(2.1573004834, rel=1e-9)


@pytest.mark.parametrize("q", [0, 0.5, 1, 2, np.inf])
def test_different_images_count_one_each_and_equal_ones_one_in_all(q):
    assert vendi_score(3 * np.eye(7), q=q) == pytest.approx(7)
    assert vendi_score(np.tile([1.0, 2.0, 3.0], (9, 1)), q=q) == pytest.approx(1)
    assert vendi_score(np.repeat(np.eye(4), 5, axis=0), q=q) == pytest.approx(4)


def test_vendi_falls_with_the_order_towards_that_of_infinity():
    scores = [vendi_score(FAKE, q=q) for q in (0, 0.5, 1, 1.0001, 2, 20, 1000, 1e6, np.inf)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(32)
    assert scores[3] == pytest.approx(scores[2], rel=1e-3)
    assert scores[-2] == pytest.approx(scores[-1], rel=1e-4)


@CASES
@given(n=st.integers(2, 12), d=st.integers(1, 12), seed=st.integers(0, 99))
def test_vendi_depends_on_directions_alone(n, d, seed):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, d))
    score = vendi_score(features)
    assert 1 - 1e-9 <= score <= min(n, d) + 1e-9
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    changed = (features * rng.uniform(0.1, 9, (n, 1)))[rng.permutation(n)] @ rotation
    assert vendi_score(changed) == pytest.approx(score, rel=1e-8)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert vendi_score_of_kernel(unit @ unit.T) == pytest.approx(score, rel=1e-8)


def test_vendi_falls_with_copies_and_with_dropped_classes():
    copies = [vendi_score(np.concatenate([FAKE[:n], np.tile(FAKE[:1], (400 - n, 1))])) for n in (400, 300, 200, 50)]
    assert copies == sorted(copies, reverse=True)
    centres = 9 * RNG.standard_normal((10, 32))
    classes = [vendi_score(REAL + centres[np.arange(500) % n]) for n in (10, 7, 4, 1)]
    assert classes == sorted(classes, reverse=True)


def test_intra_diversity_by_hand():
    shots = [[0.0, 0.0], [10.0, 0.0], [99.0, 0.0]]
    fake = [[0.0, 1.0], [0.0, -1.0], [10.0, 0.0], [10.0, 3.0], [10.0, -3.0]]
    # Around the first shot 2; around the second (3 + 3 + 6) / 3; the third has none.
    assert intra_diversity(fake, shots) == pytest.approx((2 + 4) / 2)
    assert intra_diversity(np.asarray(fake) * [1, 2] + [0, 0.5], shots, held_out=fake) == pytest.approx(2)
    assert intra_diversity(np.repeat(shots, 4, axis=0), shots) == 0
    assert intra_diversity([[0.0, 0.0], [10.0, 0.0]], shots) == 0


def test_intra_diversity_looks_at_most_at_so_many_of_a_shot():
    some = intra_diversity(REAL, FAKE[:2], most=50, seed=1)
    assert some == intra_diversity(REAL, FAKE[:2], most=50, seed=1)
    assert some != intra_diversity(REAL, FAKE[:2], most=50, seed=2)
    assert some == pytest.approx(intra_diversity(REAL, FAKE[:2], most=500), rel=0.05)


def test_retention_is_spearmans_correlation_of_distances():
    first, second = np.triu_indices(30, 1)
    source, adapted = REAL[:30], REAL[:30] + RNG.standard_normal((30, 32))
    before, after = (np.linalg.norm(part[first] - part[second], axis=1) for part in (source, adapted))
    assert retention(source, adapted) == pytest.approx(spearmanr(before, after)[0])
    assert retention(source, 3 * source + 1) == pytest.approx(1)
    assert retention(REAL[:400], FAKE) == pytest.approx(0, abs=0.05)
    assert retention(source, np.ones((30, 32))) == 0


def test_retention_of_some_pairs_is_near_that_of_all():
    adapted = REAL + RNG.standard_normal(REAL.shape)
    assert retention(REAL, adapted, pairs=20_000) == pytest.approx(retention(REAL, adapted, pairs=10**6), abs=0.02)


def test_distances_of_pairs_come_in_blocks(monkeypatch):
    first, second = RNG.integers(0, 400, (2, 1000))
    whole = pair_distances(REAL, FAKE, first, second)
    np.testing.assert_allclose(whole, np.linalg.norm(REAL[first] - FAKE[second], axis=1))
    rows, norm = [], np.linalg.norm
    monkeypatch.setattr(diversity, "BLOCK", 3001)
    monkeypatch.setattr(np.linalg, "norm", lambda part, axis: rows.append(part.size) or norm(part, axis=axis))
    np.testing.assert_array_equal(pair_distances(REAL, FAKE, first, second), whole)
    assert max(rows) <= 3001
    assert sum(rows) == whole.size * 32


def test_the_pairs_of_the_largest_sets_stay_under_two_gibibytes():
    wide = 2048  # a block of squared distances or of differences, sorted or squared: four float64 copies at most
    assert 4 * 8 * max(neighbours.BLOCK, diversity.BLOCK // wide * wide) < 2**31
    assert neighbours.BLOCK // 50_000 >= 1  # so that a block is rows, and one row of 50,000 does not exceed it


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vendi_score(np.zeros((3, 2))), "3 of 3 images are all 0"),
        (lambda: vendi_score([[1.0, np.nan]]), "not finite"),
        (lambda: vendi_score(FAKE, q=-1), "q=-1 is no order"),
        (lambda: vendi_score_of_kernel(np.ones((2, 3))), "symmetric"),
        (lambda: vendi_score_of_kernel(2 * np.eye(3)), "1 on the diagonal"),
        (lambda: vendi_score_of_kernel([[1, 2], [2, 1]]), "negative eigenvalue, -1"),
        (lambda: vendi_score(FAKE, q=np.nan), "q=nan is no order"),
        (lambda: intra_diversity(FAKE[:1], REAL), "expected 2 or more"),
        (lambda: intra_diversity(FAKE * np.inf, REAL), "not finite"),
        (lambda: retention(REAL[:, :5], REAL), "real images have 5 features"),
        (lambda: intra_diversity(FAKE, REAL[:, :5]), "32 features each and shots 5"),
        (lambda: intra_diversity(FAKE, REAL, most=1), "Use 2 or more"),
        (lambda: intra_diversity(FAKE, REAL[:9], held_out=REAL[:9]), "no two of the real images"),
        (lambda: retention(REAL, FAKE), "500 images of the source and 400"),
        (lambda: retention(REAL[:2], FAKE[:2]), "expected 3 or more"),
        (lambda: retention(REAL[:9], FAKE[:9], pairs=1), "pairs=1"),
    ],
)
def test_what_cannot_be_measured_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
