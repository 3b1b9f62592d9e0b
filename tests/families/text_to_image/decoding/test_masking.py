"""The cosine schedule: in decoding, and in training."""

import jax
import numpy as np
import pytest

from genjax.families.text_to_image.decoding.masking import cosine_schedule, hide


def test_the_schedule_of_the_paper():
    """64 tokens in 8 steps: floor(64 cos(pi / 2 * r)) at r = 1/8, ..., 1."""
    assert cosine_schedule(64, 8)[:, 64].tolist() == [62, 59, 53, 45, 35, 24, 12, 0]


@pytest.mark.parametrize("steps", [1, 2, 8, 12, 64])
def test_every_step_decides_a_token_and_the_last_all(steps):
    table = np.concatenate([np.arange(65)[None], cosine_schedule(64, steps)])
    assert (np.diff(table, axis=0) <= np.where(table[:-1] > 0, -1, 0)).all()
    assert not table[-1].any()
    assert table.min() == 0


def test_training_hides_as_many_as_the_cosine_says():
    hidden = np.asarray(hide(jax.random.key(0), 4000, 16))
    share = hidden.mean(axis=1)
    assert share.min() > 0
    assert share.max() == 1
    # ceil adds half a token on average to the mean of cos(pi r / 2) over r, 2 / pi.
    np.testing.assert_allclose(share.mean(), 2 / np.pi + 0.5 / 16, atol=0.02)
    # Half of the sequences hide at least cos(pi / 4) of their tokens.
    np.testing.assert_allclose(np.median(share), np.cos(np.pi / 4), atol=0.05)


def test_no_place_is_hidden_more_often():
    hidden = np.asarray(hide(jax.random.key(1), 4000, 16))
    assert np.ptp(hidden.mean(axis=0)) < 0.05
