"""The shape check of losses: (n,) against (n, 1) would broadcast to (n, n) and still train."""

from jax import Array


def same_shape(**arrays: Array) -> None:
    """Checks that all arrays have one shape. It runs while tracing, so it costs nothing in a compiled step.

    Raises:
        ValueError: the shapes differ; the message names the arrays.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"shapes differ: {given}. Give arrays of one shape; nothing is broadcast here.")
