"""Every test runs on the CPU with four virtual devices and with JAX's strictest broadcasting."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"

from collections.abc import Callable

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_numpy_rank_promotion", "raise")

# Shapes are checked on modules of pure functions and on models, not on state and config dataclasses.
install_import_hook(["genjax.losses", "genjax.augment", "genjax.models", "genjax.control"], "typechecking.check")


@pytest.fixture
def getkey() -> Callable[[], jax.Array]:
    """A new random key at every call, the same sequence in every test."""
    keys = iter(jax.random.split(jax.random.key(0), 1000))
    return lambda: next(keys)
