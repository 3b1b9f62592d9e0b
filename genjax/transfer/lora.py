"""Low-rank adaptation: each kernel is frozen and gets a trained update of low rank. (Hu et al. 2022, equation 3)

`W + alpha / rank * (down @ up)`, with `up` zero at the start, so that the source is reproduced exactly. A convolution
kernel (h, w, c, d) counts as a matrix (h * w * c, d). When: an adaptation that must be small on disk, or one that must
not move far from its source.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from genjax.errors import InputError
from genjax.limits import at_least
from genjax.transfer.transfer import Spec, Transfer, matrix_shape
from genjax.tree import Tree, flatten, label, unflatten


@dataclass(frozen=True)
class Lora:
    """The low-rank updates of the transfer `lora`. A critic, which is not published, trains in full."""

    rank: int = 4
    """Rank of the update of each kernel."""
    alpha: float = 0.0
    """Scale of the update times the rank; 0 stands for a scale of 1."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("lora", self, 1, "rank")
        at_least("lora", self, 0, "alpha")


def lora(
    *, rank: int = 4, alpha: float = 0.0, patterns: Sequence[str] = ("*kernel",), kept: Sequence[str] = ()
) -> Transfer:
    """Trains low-rank updates of the kernels that match, and the biases and scales beside them in full.

    A kernel of which the two factors would hold no fewer numbers than itself is trained in full.

    Args:
        rank: rank of the updates, at least 1.
        alpha: scale of the updates times the rank; 0 stands for alpha = rank, a scale of 1.
        patterns: shell patterns of the names that get an update; each must match.
        kept: shell patterns of the names that stay as they are, such as tables of words that few texts say.
    Raises:
        InputError: rank below 1; (from init) a pattern that matches nothing, or a rank that makes no kernel smaller.
    """
    if rank < 1:
        raise InputError(f"a LoRA of rank {rank} was asked for. Use a rank of 1 or more.")
    rules = [*((name, "kept") for name in kept), *((pattern, "kernel") for pattern in patterns), ("*", "full")]
    scale = (alpha or rank) / rank

    def init(source_params: Tree, key: Array) -> tuple[Tree, Tree]:
        flat = flatten(source_params)
        labels = label(list(flat), rules)
        adapted = [name for name in flat if labels[name] == "kernel" and _saves(flat[name], rank)]
        if not adapted:
            raise InputError(f"a LoRA of rank {rank} makes no kernel smaller. Use a lower rank, or --transfer full.")
        keys = jax.random.split(key, len(adapted))
        frozen = [name for name in flat if name in adapted or labels[name] == "kept"]
        trainable = {name: leaf for name, leaf in flat.items() if name not in frozen}
        for name, kernel_key in zip(adapted, keys, strict=True):
            trainable |= _factors(name, flat[name], rank, kernel_key)
        return trainable, {name: flat[name] for name in frozen}

    def params(trainable: Tree, frozen: Tree) -> Tree:
        flat = flatten(trainable)
        for name, kernel in frozen.items():
            if f"{name}/down" not in flat:
                flat[name] = kernel
                continue
            # W + alpha / rank * (down @ up) (eq. 3)
            update = flat.pop(f"{name}/down") @ flat.pop(f"{name}/up")
            flat[name] = kernel + scale * update.reshape(kernel.shape)
        return unflatten(flat)

    return Transfer(init, params)


def _factors(name: str, kernel: Array, rank: int, key: Array) -> dict[str, Array]:
    """Draws the factor `down` (rows, rank), at a variance of 1 / rows, and begins `up` (rank, columns) at zero."""
    rows, columns = matrix_shape(kernel)
    down = jax.random.normal(key, (rows, rank), kernel.dtype) / math.sqrt(rows)
    return {f"{name}/down": down, f"{name}/up": jnp.zeros((rank, columns), kernel.dtype)}


def _saves(kernel: Array, rank: int) -> bool:
    """Returns True if the factors of this rank hold fewer numbers than the kernel."""
    rows, columns = matrix_shape(kernel)
    return rank * (rows + columns) < rows * columns


SPEC = Spec(
    name="lora",
    options=Lora,
    build=lambda options, network, offer: lora(rank=options.rank, alpha=options.alpha, kept=offer.whole),
    summary="Keeps each kernel and trains an update of low rank.",
    group="lora",
    changes=frozenset({"kernels"}),
)
