"""The kernel distance: golden values of torch-fidelity 0.4.0, its interval, and what holds for both distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.errors import InputError
from genjax.evaluate import frechet_distance, kernel_distance, kernel_distance_interval
from genjax.evaluate.metrics import kernel as kernel_module
from genjax.evaluate.metrics.kernel import biased_kernel_distance

few_examples = settings(max_examples=15, deadline=None, derandomize=True)


def golden_features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 32)), rng.standard_normal((400, 32)) * 0.8 + 0.3


REAL, FAKE = golden_features()


@given(seed=st.integers(0, 2**16), n=st.integers(3, 30), m=st.integers(3, 30), d=st.integers(1, 12))
@few_examples
def test_the_distances_are_symmetric_and_do_not_see_the_order_or_a_rotation(seed, n, m, d):
    rng = np.random.default_rng(seed)
    real, fake = rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.5
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    for distance in (frechet_distance, kernel_distance):
        value = distance(real, fake)
        assert distance(fake, real) == pytest.approx(value, abs=1e-7)
        assert distance(real[rng.permutation(n)], fake) == pytest.approx(value, abs=1e-7)
        assert distance(real @ rotation, fake @ rotation) == pytest.approx(value, abs=1e-7)
    assert frechet_distance(real, fake) >= 0
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-7)


def test_kernel_distance_has_the_golden_values():
    subsets = kernel_distance(REAL, FAKE, subsets=10, subset_size=100, seed=2020)
    assert subsets == pytest.approx(0.3147828887, abs=1e-9)
    assert kernel_distance(REAL, FAKE) == pytest.approx(0.3040768971, abs=1e-9)
    assert kernel_distance(REAL, FAKE, subsets=0, subset_size=100) == kernel_distance(REAL, FAKE)


def test_kernel_distance_is_the_mean_over_pairs():
    real, fake = REAL[:5, :3], FAKE[:4, :3]

    def kernel(x, y):
        return (x @ y / 3 + 1) ** 3

    own_real = np.mean([kernel(real[i], real[j]) for i in range(5) for j in range(5) if i != j])
    own_fake = np.mean([kernel(fake[i], fake[j]) for i in range(4) for j in range(4) if i != j])
    cross = np.mean([kernel(x, y) for x in real for y in fake])
    assert kernel_distance(real, fake) == pytest.approx(own_real + own_fake - 2 * cross)


@pytest.mark.parametrize("n", [1, 4])
def test_the_biased_kernel_distance_is_the_mean_over_all_pairs(n):
    real, fake = REAL[:n, :5], FAKE[:7, :5]
    k = lambda x, y: np.mean([[(a @ b / 5 + 1) ** 3 for b in y] for a in x])  # noqa: E731
    expected = k(real, real) + k(fake, fake) - 2 * k(real, fake)
    assert biased_kernel_distance(real, fake) == pytest.approx(expected, rel=1e-12)
    assert biased_kernel_distance(real, real) == pytest.approx(0, abs=1e-12)


def test_kernel_distance_is_right_on_average_and_the_frechet_distance_is_not():
    rng = np.random.default_rng(5)
    draws = [(rng.standard_normal((12, 4)), rng.standard_normal((9, 4))) for _ in range(400)]
    values = np.array([kernel_distance(real, fake) for real, fake in draws])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert np.mean([frechet_distance(real, fake) for real, fake in draws]) > 0.5


def test_a_set_as_large_as_a_subset_is_taken_whole():
    assert kernel_distance(REAL[:100], FAKE[:100], subset_size=100) == kernel_distance(REAL[:100], FAKE[:100])


@pytest.mark.parametrize(("subsets", "size"), [(-1, 10), (3, 1)])
def test_subsets_must_be_possible(subsets, size):
    with pytest.raises(InputError, match="use 0 or more, of 2 or more"):
        kernel_distance(REAL, FAKE, subsets=subsets, subset_size=size)


def test_blocks_do_not_change_the_kernel_distance(monkeypatch):
    whole = kernel_distance(REAL, FAKE)
    monkeypatch.setattr(kernel_module, "BLOCK", 4000)  # ten rows at a time
    assert kernel_distance(REAL, FAKE) == pytest.approx(whole, rel=1e-12)


def test_the_interval_is_the_jackknife_of_the_value():
    real, fake = REAL[:12, :4], FAKE[:9, :4]
    value = kernel_distance(real, fake)
    without_real = [kernel_distance(np.delete(real, i, axis=0), fake) for i in range(12)]
    without_fake = [kernel_distance(real, np.delete(fake, i, axis=0)) for i in range(9)]
    deviation = np.sqrt(11 * np.var(without_real) + 8 * np.var(without_fake))
    low, high = kernel_distance_interval(real, fake)
    assert (low + high) / 2 == pytest.approx(value)
    assert high - low == pytest.approx(2 * 1.959964 * deviation)


def test_the_interval_of_subsets_is_around_their_mean():
    settings_ = {"subsets": 10, "subset_size": 100, "seed": 1}
    low, high = kernel_distance_interval(REAL, FAKE, **settings_)
    assert (low + high) / 2 == pytest.approx(kernel_distance(REAL, FAKE, **settings_))
    whole = kernel_distance_interval(REAL, FAKE)
    assert high - low > whole[1] - whole[0]


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 0.8)])
def test_the_interval_holds_the_truth_as_often_as_it_says(shift, scale):
    """150 draws: of 95 % intervals, 88 % would be 4 standard errors too few. Alike sets are covered more often."""
    rng = np.random.default_rng(7)
    truth, d = true_kernel_distance(shift, scale, d=8), 8
    held = []
    for _ in range(150):
        real, fake = rng.standard_normal((40, d)), rng.standard_normal((60, d)) * scale + shift
        low, high = kernel_distance_interval(real, fake)
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.88


def true_kernel_distance(shift, scale, *, d):
    """Of N(0, I) and N(shift, scale^2 I): E (t + 1)^3 = 1 + 3 E t + 3 E t^2 + E t^3 of t = x.y / d, exactly."""

    def expected(shift_1, scale_1, shift_2, scale_2):
        # The moments of one coordinate's product, then those of a sum of d of them.
        m1, m2, m3 = (moment(n, shift_1, scale_1) * moment(n, shift_2, scale_2) for n in (1, 2, 3))
        variance, third = m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3
        mean, total = d * m1, d * variance
        raw_2, raw_3 = total + mean**2, d * third + 3 * total * mean + mean**3
        return 1 + 3 * mean / d + 3 * raw_2 / d**2 + raw_3 / d**3

    same = expected(0, 1, 0, 1) + expected(shift, scale, shift, scale)
    return same - 2 * expected(0, 1, shift, scale)


def moment(n, mean, deviation):
    """E x^n of a normal number."""
    return {1: mean, 2: mean**2 + deviation**2, 3: mean**3 + 3 * mean * deviation**2}[n]


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_more_noise_and_fewer_kinds_are_farther(distance):
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((5, 16)) * 2
    kinds = rng.integers(5, size=600)
    images = centres[kinds] + 0.3 * rng.standard_normal((600, 16))
    real, fake, kinds = images[:300], images[300:], kinds[300:]
    noisy = [distance(real, fake + level * rng.standard_normal(fake.shape)) for level in (0, 1, 2, 4)]
    dropped = [distance(real, fake[kinds < kept]) for kept in (5, 4, 2, 1)]
    assert noisy == sorted(noisy)
    assert dropped == sorted(dropped)


def test_subsets_are_the_same_in_both_forms(monkeypatch):
    """Each kernel value once for all subsets, or the subsets one by one: what is cheaper depends on their number."""
    rng = np.random.default_rng(3)
    real, fake = rng.standard_normal((90, 5)), rng.standard_normal((70, 5)) + 0.3
    few, many = (kernel_module._subset_estimates(real, fake, n, 20, seed=1) for n in (3, 40))
    assert 90 * 90 + 70 * 70 + 90 * 70 > 3 * 3 * 20 * 20, "three subsets are taken one by one"
    assert 90 * 90 + 70 * 70 + 90 * 70 < 3 * 40 * 20 * 20, "forty at once"
    np.testing.assert_allclose(many[:3], few, rtol=1e-9)


def test_the_interval_of_many_images_takes_a_part_of_them(monkeypatch):
    rng = np.random.default_rng(3)
    real, fake = rng.standard_normal((400, 5)), rng.standard_normal((300, 5)) + 0.5
    whole = kernel_distance_interval(real, fake, subsets=0)
    monkeypatch.setattr(kernel_module, "MOST_LEFT_OUT", 150)
    part = kernel_distance_interval(real, fake, subsets=0)
    assert sum(part) == pytest.approx(sum(whole))  # around the same value
    assert part[1] - part[0] == pytest.approx(whole[1] - whole[0], rel=0.25)
