"""Fixtures that all tests share: batches, compiled learners, and runs of tiny models trained once a session."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
from filelock import FileLock
from tiny import LEARNERS, adapt_config, train_config

from genjax.training.loop import adapt, train


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


@pytest.fixture(scope="session")
def kept_runs():
    """The folder of four runs to be read only: gan, vae, and an adaptation of each, gan_lora and vae_lora.

    The pretrainings have checkpoints at steps 2 and 4. Whoever changes or resumes one takes a copy. All workers share
    them: the first that asks trains them.
    """
    folder = Path(os.environ["GENJAX_TESTS_KEPT"]) / "runs"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            for family in LEARNERS:
                train(train_config(family, folder / family, save_every=2))
                adapt(adapt_config(folder / family, folder / f"{family}_lora", transfer="lora"))
            (folder / "done").touch()
    return folder
