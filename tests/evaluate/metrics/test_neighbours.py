"""Golden values of prdc 0.2, a plain implementation with exact distances, and ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from genjax.evaluate import density_coverage, precision_recall
from genjax.evaluate.metrics import neighbours
from genjax.evaluate.metrics.metric import Sets

few_examples = settings(max_examples=20, deadline=None, derandomize=True)


def golden_features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 32)), rng.standard_normal((400, 32)) * 0.8 + 0.3


REAL, FAKE = golden_features()


def plain(real, fake, k):
    """Precision, recall, density and coverage as they are defined, with distances one by one."""
    cross = cdist(real, fake, "sqeuclidean")
    real_radii = np.sort(cdist(real, real, "sqeuclidean"), axis=1)[:, k]  # column 0 is the image itself
    fake_radii = np.sort(cdist(fake, fake, "sqeuclidean"), axis=1)[:, k]
    inside = cross < real_radii[:, None]
    return (
        (cross <= real_radii[:, None]).any(axis=0).mean(),
        (cross <= fake_radii[None]).any(axis=1).mean(),
        inside.sum() / (k * len(fake)),
        inside.any(axis=1).mean(),
    )


def measured(real, fake, k):
    return (*precision_recall(real, fake, k=k), *density_coverage(real, fake, k=k))


def test_the_golden_values():
    assert measured(REAL, FAKE, 3) == pytest.approx((0.96, 0.138, 3.1258333333, 0.906), abs=1e-9)
    assert measured(REAL, FAKE, 5) == pytest.approx((0.9825, 0.21, 3.096, 0.978), abs=1e-9)
    assert precision_recall(REAL, FAKE) == precision_recall(REAL, FAKE, k=3)
    assert density_coverage(REAL, FAKE) == density_coverage(REAL, FAKE, k=5)


def test_recall_alone_is_that_of_both():
    assert neighbours.recalled(REAL, FAKE, k=5) == precision_recall(REAL, FAKE, k=5)[1]
    assert neighbours.recalled(FAKE[7:8], FAKE) == 1  # a real image is enough


@given(
    seed=st.integers(0, 2**16),
    n=st.integers(5, 40),
    m=st.integers(5, 40),
    d=st.integers(1, 4),
    levels=st.sampled_from([2, 3, 8]),
    k=st.integers(1, 4),
)
@few_examples
def test_ties_are_decided_as_with_exact_distances(seed, n, m, d, levels, k):
    """Whole numbers: many distances are equal, many are 0, and plain arithmetic on them is exact."""
    rng = np.random.default_rng(seed)
    real, fake = rng.integers(levels, size=(n, d)), rng.integers(levels, size=(m, d))
    real[0] = levels  # never constant
    assert measured(real, fake, k) == pytest.approx(plain(real, fake, k))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_copies_lie_on_the_edge_of_their_neighbours(offset):
    """A copy is as far from its original's neighbours as they are from the original, to the last digit and beyond."""
    rng = np.random.default_rng(3)
    real = rng.standard_normal((200, 64)) / 3 + offset
    fake = real[rng.permutation(200)]
    assert precision_recall(real, fake) == (1.0, 1.0)
    density, coverage = density_coverage(real, fake)
    # Inside every ball are the image itself and its four nearest; the fifth is on the edge.
    assert (density, coverage) == (1.0, 1.0)


def test_blocks_do_not_change_the_values(monkeypatch):
    whole = measured(REAL, FAKE, 3)
    monkeypatch.setattr(neighbours, "BLOCK", 3001)
    assert measured(REAL, FAKE, 3) == whole


def test_memory_is_bounded_by_the_block():
    rows = [found.shape for _, found in neighbours.squared_distances(REAL[:90, :2], np.zeros((200_000, 2)))]
    assert max(n * m for n, m in rows) <= neighbours.BLOCK
    assert sum(n for n, _ in rows) == 90


def test_squared_distances_are_those_of_scipy():
    found = np.concatenate([distances for _, distances in neighbours.squared_distances(REAL, FAKE)])
    np.testing.assert_allclose(found, cdist(REAL, FAKE, "sqeuclidean"), rtol=1e-12)


def test_far_sets_share_nothing():
    assert measured(REAL, FAKE + 100, 3) == (0, 0, 0, 0)


def test_dropped_kinds_cost_recall_and_coverage_and_noise_costs_precision():
    rng = np.random.default_rng(13)
    kinds = rng.integers(4, size=400)
    images = rng.standard_normal((4, 8))[kinds] * 5 + rng.standard_normal((400, 8))
    real, fake, kinds = images[:200], images[200:], kinds[200:]
    kept = [measured(real, fake[kinds < n], 3) for n in (4, 3, 2, 1)]
    assert [row[1] for row in kept] == sorted((row[1] for row in kept), reverse=True)
    assert [row[3] for row in kept] == sorted((row[3] for row in kept), reverse=True)
    noisy = [measured(real, fake + level * rng.standard_normal(fake.shape), 3) for level in (0, 1, 3)]
    assert [row[0] for row in noisy] == sorted((row[0] for row in noisy), reverse=True)
    assert [row[2] for row in noisy] == sorted((row[2] for row in noisy), reverse=True)


@pytest.mark.parametrize(("times", "said"), [(1, ()), (5, ()), (6, "60 of 60 real images are there 6 times or more")])
def test_real_images_that_nothing_can_reach_are_counted(times, said):
    real = np.repeat(REAL[:10] + 7, times, axis=0)
    sets = Sets(np.concatenate([real, REAL[10:16] + 7]) if times == 1 else real, FAKE)
    measured = neighbours.measure_density_coverage(sets, 0, False)
    for number in measured.values():
        assert number.caveats == () if not said else number.caveats[0].startswith(said)
    if said:
        assert (measured["density"].value, measured["coverage"].value) == (0, 0)
