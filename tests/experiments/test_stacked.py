"""Stacked digits: modes are counted, and their divergence is that of a closed form."""

import numpy as np
import pytest

MODES = 1000


@pytest.fixture
def gan_stacked(script):
    return script("gan.stacked")


@pytest.mark.parametrize(
    ("modes", "number", "divergence"),
    [
        (np.arange(MODES), MODES, 0.0),  # all alike
        (np.zeros(50, int), 1, np.log(MODES)),  # one alone
        (np.repeat([3, 999], 10), 2, np.log(MODES / 2)),
        (np.array([0, 0, 0, 1]), 2, 0.75 * np.log(0.75 * MODES) + 0.25 * np.log(0.25 * MODES)),
    ],
)
def test_the_divergence_is_that_of_the_shares_from_even_ones(gan_stacked, modes, number, divergence):
    assert gan_stacked.counted(modes) == (number, pytest.approx(divergence, abs=1e-9))


def test_what_was_stacked_is_read_again(gan_stacked):
    images = gan_stacked.stacked(300, 16)
    assert images.shape == (300, 16, 16, 3)
    read, right = gan_stacked.reader_of(16)
    assert right > 0.99
    digits = np.stack([read(images[..., channel]) for channel in range(3)], axis=1)
    assert all(len(set(digits[:, channel])) == 10 for channel in range(3))
    assert len({tuple(row) for row in digits}) > 200, "channels are drawn apart from each other"
