"""The cost of a step, read from its jaxpr and not from a compiled program: floating-point operations and memory."""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax.extend import core

Shapes = Any  # a pytree of arrays or of their shapes

# What a compiler computes inside the operation that reads it, so that it never lies in memory by itself.
FUSED = frozenset(
    [
        *("abs", "add", "add_any", "and", "broadcast_in_dim", "ceil", "clamp", "convert_element_type", "copy", "cos"),
        *("div", "eq", "erf", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "iota", "is_finite", "le"),
        *("log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "real", "reshape"),
        *("rsqrt", "select_n", "sign", "sin", "sqrt", "square", "squeeze", "stop_gradient", "sub", "tanh"),
        *("transpose", "xor"),
    ]
)


def flops(step: Any, *arguments: Shapes) -> float:
    """Counts the floating-point operations of one call, by XLA's count of the program before it is optimised."""
    counted = jax.jit(step).lower(*arguments).cost_analysis()
    return float((counted or {}).get("flops", 0.0))


def peak_bytes(step: Any, *arguments: Shapes) -> int:
    """Estimates the most that lies in memory at once, arguments and results included, if nothing is computed twice.

    Each value lives from the operation that makes it to the last one that reads it. Elementwise operations are taken to
    be fused with what reads them: their operands live in their stead. What a compiler then reorders, pads or copies is
    not known here: the plan of the compiled step differs, see `tests/devices/test_jaxpr_cost.py` for by how much.
    """
    closed = jax.make_jaxpr(step)(*arguments)
    return _peak(closed.jaxpr) + sum(_bytes(variable) for variable in closed.jaxpr.invars)


def _peak(jaxpr: Any) -> int:
    """Adds up the most at once of what is made inside; what comes in belongs to the caller."""
    inside = {id(variable) for equation in jaxpr.eqns for variable in equation.outvars}
    stands_for = _stand_ins(jaxpr, inside)
    reads = [[name for v in equation.invars for name in stands_for(v)] for equation in jaxpr.eqns]
    last = {name: place for place, names in enumerate(reads) for name in names}
    last |= {name: len(reads) for v in jaxpr.outvars for name in stands_for(v)}
    alive, most = 0, 0
    sizes: dict[int, int] = {}
    for place, equation in enumerate(jaxpr.eqns):
        for variable in equation.outvars:
            if id(variable) in last and id(variable) not in sizes and not _is_fused(equation):
                sizes[id(variable)] = _bytes(variable)
                alive += sizes[id(variable)]
        nested = max((_peak(inner) for inner in _inner(equation)), default=0)
        # The results of an inner program are counted as this equation's.
        made = sum(_bytes(variable) for variable in equation.outvars)
        most = max(most, alive + max(0, nested - made))
        for name in {name for name in reads[place] if last[name] == place and name in sizes}:
            alive -= sizes.pop(name)
    return most


def _stand_ins(jaxpr: Any, inside: set[int]) -> Any:
    """Maps each variable to the values that must exist for it: itself, or the operands of what it is fused from."""
    fused: dict[int, tuple[int, ...]] = {}

    def of(variable: Any) -> tuple[int, ...]:
        if isinstance(variable, core.Literal) or id(variable) not in inside:
            return ()
        return fused.get(id(variable), (id(variable),))

    for equation in jaxpr.eqns:
        if _is_fused(equation):
            operands = tuple(dict.fromkeys(name for variable in equation.invars for name in of(variable)))
            fused |= {id(variable): operands for variable in equation.outvars}
    return of


def _is_fused(equation: Any) -> bool:
    return equation.primitive.name in FUSED


def _inner(equation: Any) -> Iterable[Any]:
    """Returns the programs inside an equation: calls, loops, branches."""
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, core.ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, core.Jaxpr):
                yield part


def _bytes(variable: Any) -> int:
    shape, dtype = getattr(variable.aval, "shape", ()), getattr(variable.aval, "dtype", None)
    if dtype is None:
        return 0
    width = 8 if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) else np.dtype(dtype).itemsize
    return int(np.prod(shape, dtype=np.int64)) * width
