"""MixUp of images and of latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import beta, kstest

from genjax.augment.mixup import mixup


@pytest.mark.parametrize("shape", [(6, 4, 4, 3), (6, 8), (6,)])
def test_each_row_is_mixed_by_a_share_of_its_own(shape, getkey):
    mixed, share = mixup(getkey(), jnp.full(shape, 3.0), jnp.full(shape, -1.0), alpha=1.0)
    assert mixed.shape == shape
    assert len(np.unique(share)) == 6
    of_row = np.asarray(share).reshape(-1, *[1] * (len(shape) - 1))
    np.testing.assert_allclose(mixed, np.broadcast_to(4 * of_row - 1, shape), rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_a_beta_distribution(alpha):
    rows = jnp.zeros((2000, 1))
    _, share = mixup(jax.random.key(3), rows, rows, alpha=alpha)
    assert kstest(np.asarray(share), beta(alpha, alpha).cdf).pvalue > 0.01
