"""Fixtures that all tests share: batches, compiled learners, and runs of tiny models trained once a session."""

import jax
import numpy as np
import pytest
from tiny import LEARNERS


@pytest.fixture(scope="session")
def batches():
    """Five batches of 8 images, uint8."""
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 16, 16, 1), dtype=np.uint8)
    return [{"image": batch} for batch in images]


@pytest.fixture(scope="session", params=LEARNERS)
def compiled(request, batches):
    """(learner, jitted step, jitted init) of a family."""
    learner = LEARNERS[request.param]()
    return learner, jax.jit(learner.step), jax.jit(lambda key: learner.init(key, batches[0]))
