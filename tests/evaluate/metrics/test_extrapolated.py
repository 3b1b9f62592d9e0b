"""The extrapolated Fréchet distance: the line itself, and what becomes of the bias where the true value is known."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import frechet_distance
from genjax.evaluate.metrics import extrapolated
from genjax.evaluate.metrics.extrapolated import fd_infinity

REAL, FAKE = np.random.default_rng(0).standard_normal((2, 400, 16))


def test_the_intercept_of_a_line_is_found(monkeypatch):
    counts = []

    def known(real, fake):
        counts.append((len(real), len(fake)))
        return 3.0 + 50.0 / len(fake)

    monkeypatch.setattr(extrapolated, "frechet_distance", known)
    assert fd_infinity(REAL, FAKE, points=5, least=40) == pytest.approx(3)
    assert counts == [(400, n) for n in (40, 130, 220, 310, 400)]
    counts.clear()
    assert fd_infinity(REAL, FAKE[:200], points=3, least=100, real_too=True) == pytest.approx(3)
    assert counts == [(n, n) for n in (100, 150, 200)]
    counts.clear()
    fd_infinity(REAL, FAKE)
    assert (len(counts), counts[0], counts[-1]) == (15, (400, 40), (400, 400))
    counts.clear()
    fd_infinity(REAL, FAKE[:100])  # a tenth is fewer images than features
    assert counts[0] == (400, 32)


def test_equal_distributions_come_nearer_to_zero():
    plain = frechet_distance(REAL, FAKE)
    one, both = fd_infinity(REAL, FAKE), fd_infinity(REAL, FAKE, real_too=True)
    assert abs(one) < 0.7 * plain
    assert abs(both) < 0.4 * plain


def test_a_true_distance_is_kept():
    shifted = FAKE * 1.5 + 0.5
    true = 16 * (0.5**2 + 0.5**2)
    assert fd_infinity(REAL, shifted, real_too=True) == pytest.approx(true, rel=0.1)


def test_the_seed_decides():
    values = [fd_infinity(REAL[:60], FAKE[:60], points=3, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fd_infinity(REAL, FAKE, points=1), "points=1: a line needs 2 or more"),
        (lambda: fd_infinity(REAL, FAKE, least=400), "subsets from 400 to 400 images"),
        (lambda: fd_infinity(REAL, FAKE, least=1), "subsets from 1 to 400 images"),
        (lambda: fd_infinity(REAL, FAKE[:2]), "subsets from 2 to 2 images"),
        (lambda: fd_infinity(REAL, FAKE[:, :3]), "16 features each and generated ones 3"),
        (lambda: fd_infinity(REAL, FAKE * np.nan), "are not finite"),
    ],
)
def test_other_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
