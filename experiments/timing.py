"""Times taken in turns: on a machine that others use too, only the ratio of two sides of one run says something."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Side = Callable[[], object]  # does the work once, and waits for it
MATRIX = 2048
PAUSE = 0.1  # seconds before a side's turn: the threads of the side before it wait for more work, spinning


class Ratio(NamedTuple):
    """How often one side's time goes into the other's: the median over the turns, the least and the greatest."""

    median: float
    low: float
    high: float


def in_turns(sides: Mapping[str, Callable[[], object]], *, turns: int, calls: int = 1) -> dict[str, list[float]]:
    """Seconds of a call, one number a turn and side.

    Args:
        sides: {name: callable}, which waits for what it computes.
        turns: in each of which every side is timed once. One more, the first, warms up and is not counted.
        calls: of each side in a turn.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, call in sides.items():
            time.sleep(PAUSE)
            began = time.perf_counter()
            for _ in range(calls):
                call()
            if turn:
                times[name].append((time.perf_counter() - began) / calls)
    return times


def ratio(over: list[float], under: list[float]) -> Ratio:
    """Of two sides' seconds, turn by turn: what slows one turn slows both of its sides."""
    found = sorted(one / other for one, other in zip(over, under, strict=True))
    return Ratio(statistics.median(found), found[0], found[-1])


def matrix_product() -> Side:
    """The machine's own measure: one product of two square float32 matrices."""
    import jax
    import jax.numpy as jnp

    matrix, product = jnp.ones((MATRIX, MATRIX)), jax.jit(jnp.matmul)
    return lambda: jax.block_until_ready(product(matrix, matrix))


def product_rate(seconds: float) -> float:
    """Operations a second of a `matrix_product` that took so long."""
    return 2 * MATRIX**3 / seconds
