"""Every test runs on the CPU with eight virtual devices and with JAX's strictest broadcasting."""

import gc
import os
import tempfile

from compiling import XLA_FLAGS

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # two workers share the cores, and waiting threads of OpenBLAS spin
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # the cache's loader logs every feature of the processor
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8 {XLA_FLAGS}"

from collections.abc import Callable

import jax
import pytest
from jaxtyping import install_import_hook
from threadpoolctl import threadpool_limits

from genjax.devices import allocator

allocator.keep()  # as the entry points do

gc.set_threshold(100_000, 50, 100)  # tracing makes many objects that live: looking for cycles takes a tenth of the time

threadpool_limits(1, user_api="blas")  # numpy was loaded by a plugin, before the variable was set

jax.config.update("jax_numpy_rank_promotion", "raise")

# Tests train the same few tiny networks again and again: one compilation serves all of them, in all workers.
# The folder is of the whole session, made by the first process and told to the workers; or of several sessions.
KEPT = "GENJAX_TESTS_KEPT"
if KEPT not in os.environ:
    SESSION = tempfile.TemporaryDirectory(prefix="genjax-tests-")
    os.environ[KEPT] = SESSION.name
# A largest size has JAX read and write under a lock: without, one process may read what another has half written.
jax.config.update("jax_compilation_cache_max_size", 10**11)
jax.config.update("jax_compilation_cache_dir", os.environ[KEPT])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# Features of real sets, and what the processes that tests begin compile, are kept for the tests of one worker alone.
os.environ["XDG_CACHE_HOME"] = os.path.join(os.environ[KEPT], os.environ.get("PYTEST_XDIST_WORKER", "alone"))

# Shapes are checked on modules of pure functions and on models, not on state and config dataclasses.
install_import_hook(
    ["genjax.losses", "genjax.augment", "genjax.models", "genjax.control", "genjax.families.text_to_image.decoding"],
    "typechecking.check",
)

# Loaded after this file, so that what they import is checked as well.
pytest_plugins = ["budgets", "selection", "trained"]


def pytest_configure() -> None:
    """Learners of equal configs are one object from here on."""
    from remembered import remember

    remember()


@pytest.fixture
def getkey() -> Callable[[], jax.Array]:
    """A new random key at every call, the same sequence in every test."""
    keys = iter(jax.random.split(jax.random.key(0), 1000))
    return lambda: next(keys)
