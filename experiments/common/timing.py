"""Times taken in turns, the ratio of two sides, and the machine's own measure: one product of matrices.

On a machine that others use too, only the ratio of two sides of one run says something.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Side = Callable[[], object]  # does the work once, and waits for it
MATRIX = 2048
PAUSE = 0.1  # seconds before a side's turn: the threads of the side before it wait for more work, spinning


class Ratio(NamedTuple):
    """Ratio of two sides' times: the median over the turns, the least and the greatest."""

    median: float
    low: float
    high: float


def in_turns(sides: Mapping[str, Side], *, turns: int, calls: int = 1, pause: float = PAUSE) -> dict[str, list[float]]:
    """Times every side once a turn, so that what slows the machine slows all sides.

    Args:
        sides: {name: callable}, which waits for what it computes.
        turns: number of turns. One more, the first, warms up and is not counted.
        calls: calls of each side in a turn.
        pause: seconds before each side's turn.
    Returns:
        {name: seconds of a call, one number a turn}.
    """
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, call in sides.items():
            time.sleep(pause)
            began = time.perf_counter()
            for _ in range(calls):
                call()
            if turn:
                times[name].append((time.perf_counter() - began) / calls)
    return times


def ratio(over: list[float], under: list[float]) -> Ratio:
    """Divides two sides' seconds turn by turn: what slows one turn slows both of its sides."""
    found = sorted(one / other for one, other in zip(over, under, strict=True))
    return Ratio(statistics.median(found), found[0], found[-1])


def matrix_product() -> Side:
    """Makes the measure of the machine: a product of two square float32 matrices."""
    import jax
    import jax.numpy as jnp

    matrix, product = jnp.ones((MATRIX, MATRIX)), jax.jit(jnp.matmul)
    return lambda: jax.block_until_ready(product(matrix, matrix))


def product_rate(seconds: float) -> float:
    """Operations a second of a `matrix_product` that took so long."""
    return 2 * MATRIX**3 / seconds
