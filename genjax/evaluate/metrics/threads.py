"""One thread for the small decompositions of metrics: on a busy machine many threads wait for each other, and lose.

Measured on two cores of which another program used one: Cholesky and eigenvalues of 1280 x 1280 took 0.14 s with one
thread and 3.1 s with two.
"""

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Inside, numpy's linear algebra uses one thread."""
    return threadpool_limits(limits=1, user_api="blas")
