"""The Fréchet distance: golden values of torch-fidelity 0.4.0, closed forms, and its extrapolation without bias."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import fd_infinity, frechet_distance, frechet_distance_from_statistics
from genjax.evaluate.metrics import frechet


def golden_features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 32)), rng.standard_normal((400, 32)) * 0.8 + 0.3


REAL, FAKE = golden_features()


def statistics(features):
    return features.mean(axis=0), np.cov(features.T)


def test_frechet_distance_has_the_golden_value():
    assert frechet_distance(REAL, FAKE) == pytest.approx(5.2012259456, abs=1e-9)
    assert frechet_distance_from_statistics(*statistics(REAL), *statistics(FAKE)) == pytest.approx(
        5.2012259456, abs=1e-9
    )


def test_frechet_distance_of_fewer_images_than_features():
    assert frechet_distance(REAL[:10], FAKE[:200]) == pytest.approx(34.26677, abs=1e-5)
    singular = frechet_distance_from_statistics(*statistics(REAL[:10]), *statistics(FAKE[:200]))
    assert singular == pytest.approx(34.26677, abs=1e-5)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 50), (20, 7), (5, 5), (6, 5), (300, 4)])
def test_both_forms_of_the_frechet_distance_agree(n, m):
    rng = np.random.default_rng((n, m))
    real, fake = rng.standard_normal((n, 5)), rng.standard_normal((m, 5)) * 2 + 1
    expected = frechet_distance_from_statistics(*statistics(real), *statistics(fake))
    assert frechet_distance(real, fake) == pytest.approx(expected, abs=1e-6)


def test_gaussians_have_closed_forms():
    d, shift, scale = 6, np.arange(6.0), 0.4
    still = frechet_distance_from_statistics(np.zeros(d), np.diag(shift + 1), shift, np.diag(shift + 1))
    assert still == pytest.approx(shift @ shift)
    shrunk = frechet_distance_from_statistics(np.zeros(d), np.eye(d), np.zeros(d), scale**2 * np.eye(d))
    assert shrunk == pytest.approx(d * (1 - scale) ** 2)


def test_equal_covariances_leave_the_shift():
    shift = np.linspace(-1, 2, 32)
    assert frechet_distance(REAL, REAL + shift) == pytest.approx(shift @ shift, rel=1e-9)


def test_statistics_are_checked():
    mean, covariance = statistics(REAL)
    bad = [
        ((mean[:3], covariance), r"\(3,\) and \(32, 32\)"),
        ((mean[None], covariance), "expected"),
        ((mean * np.nan, covariance), "not finite"),
        ((mean, np.triu(covariance)), "not symmetric"),
    ]
    for statistic, message in bad:
        with pytest.raises(InputError, match=message):
            frechet_distance_from_statistics(*statistic, mean, covariance)
    with pytest.raises(InputError, match="of 32 real and 3 generated features"):
        frechet_distance_from_statistics(mean, covariance, *statistics(REAL[:, :3]))


ONE, OTHER = np.random.default_rng(0).standard_normal((2, 400, 16))


def test_the_intercept_of_a_line_is_found(monkeypatch):
    counts = []

    def known(real, fake):
        counts.append((len(real), len(fake)))
        return 3.0 + 50.0 / len(fake)

    monkeypatch.setattr(frechet, "frechet_distance", known)
    assert fd_infinity(ONE, OTHER, points=5, least=40) == pytest.approx(3)
    assert counts == [(400, n) for n in (40, 130, 220, 310, 400)]
    counts.clear()
    assert fd_infinity(ONE, OTHER[:200], points=3, least=100, real_too=True) == pytest.approx(3)
    assert counts == [(n, n) for n in (100, 150, 200)]
    counts.clear()
    fd_infinity(ONE, OTHER)
    assert (len(counts), counts[0], counts[-1]) == (15, (400, 40), (400, 400))
    counts.clear()
    fd_infinity(ONE, OTHER[:100])  # a tenth is fewer images than features
    assert counts[0] == (400, 32)


def test_equal_distributions_come_nearer_to_zero():
    plain = frechet_distance(ONE, OTHER)
    one, both = fd_infinity(ONE, OTHER), fd_infinity(ONE, OTHER, real_too=True)
    assert abs(one) < 0.7 * plain
    assert abs(both) < 0.4 * plain


def test_a_true_distance_is_kept():
    shifted = OTHER * 1.5 + 0.5
    true = 16 * (0.5**2 + 0.5**2)
    assert fd_infinity(ONE, shifted, real_too=True) == pytest.approx(true, rel=0.1)


def test_the_seed_decides():
    values = [fd_infinity(ONE[:60], OTHER[:60], points=3, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fd_infinity(ONE, OTHER, points=1), "points=1: a line needs 2 or more"),
        (lambda: fd_infinity(ONE, OTHER, least=400), "subsets from 400 to 400 images"),
        (lambda: fd_infinity(ONE, OTHER, least=1), "subsets from 1 to 400 images"),
        (lambda: fd_infinity(ONE, OTHER[:2]), "subsets from 2 to 2 images"),
        (lambda: fd_infinity(ONE, OTHER[:, :3]), "16 features each and generated ones 3"),
        (lambda: fd_infinity(ONE, OTHER * np.nan), "are not finite"),
    ],
)
def test_other_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
