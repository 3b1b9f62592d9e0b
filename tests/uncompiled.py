"""Work that must not compile anything, held to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Inside, XLA may compile nothing; what this process has compiled before is forgotten first."""
    compiled: list[dict[str, str | int]] = []

    def hear(event: str, duration_secs: float, **about: str | int) -> None:
        if "backend_compile" in event:
            compiled.append(about)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)
    assert not compiled, compiled
