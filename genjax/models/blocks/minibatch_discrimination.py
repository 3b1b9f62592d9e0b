"""Minibatch discrimination: a critic sees how near each image is to others. (Salimans et al. 2016, section 3.2)

A generator that makes one image over and over is then found out, as with the minibatch deviation, but by features that
are learned. The authors begin with scales fitted to a first batch; here networks begin from one image, and the kernel
has the scale at which unit features lie about 1 apart.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class MinibatchDiscrimination(nn.Module):
    """Appends to each vector its nearness to the others of its group. Parameter: `kernel` (d, kernels, length).

    Attributes:
        kernels: numbers that are appended, B; 100 in the paper.
        length: of the vectors whose distances are taken, C.
        group: neighbours in the batch that are compared; the largest divisor of n up to it is used, as in
            `layers.minibatch_deviation`, so that a group lies on one device and in one part of a batch.
    """

    kernels: int = 32
    length: int = 5
    group: int = 8
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, features: Float[Array, "n d"]) -> Float[Array, "n d+{self.kernels}"]:
        """Appends the nearness, in the compute dtype."""
        shape = (features.shape[-1], self.kernels, self.length)
        # |M_i - M_j|_1 has `length` terms
        kernel = self.param("kernel", nn.initializers.normal(shape[0] ** -0.5 / self.length), shape)
        vectors = jnp.einsum("nd,dbc->nbc", features.astype(self.dtype), kernel.astype(self.dtype))
        near = nearness(vectors.astype(jnp.float32), group=self.group)
        return jnp.concatenate([features.astype(self.dtype), near.astype(self.dtype)], axis=-1)


def nearness(vectors: Float[Array, "n b c"], *, group: int) -> Float[Array, "n b"]:
    """Computes o_ib = sum_{j != i} exp(-|M_ib - M_jb|_1) over the others of a group.

    Args:
        vectors: vectors M (n, b, c).
        group: largest number of neighbours that are compared; if none divides n (11, 13), each is compared with the
            next ones, the last with the first again.
    Returns:
        Nearness (n, b), from 0 to group - 1: all alike.
    """
    n, b, c = vectors.shape
    size = max(size for size in range(1, min(group, n) + 1) if n % size == 0)
    if size == 1 and n > 1:
        others = [jnp.roll(vectors, -shift, axis=0) for shift in range(1, min(group, n))]
        return sum((jnp.exp(-jnp.abs(vectors - other).sum(axis=-1)) for other in others), start=jnp.zeros((n, b)))
    members = vectors.reshape(n // size, size, b, c)
    distances = jnp.abs(members[:, :, None] - members[:, None]).sum(axis=-1)  # (groups, size, size, b)
    others = 1 - jnp.eye(size)[None, :, :, None]  # each but itself, at distance 0
    return (jnp.exp(-distances) * others).sum(axis=2).reshape(n, b)
