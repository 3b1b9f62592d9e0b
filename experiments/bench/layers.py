# pyright: reportMissingImports=false
"""Timing of a step's convolutions alone, layer by layer, beside XLA's own form, PyTorch's and the machine's product.

A stride-2 convolution is read in three ways, and a training step needs all of them: `double` (the transposed
convolution), `halve` (the strided one, and the gradient of `double` in its images) and `correlate` (the gradient in the
kernel). Each is timed alone, in turns with XLA's own form of it, which genjax replaces on a CPU, and with PyTorch's. A
form's time, times how often a step needs it, is about what the step spends on it.
"""

import importlib.util
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.common.timing import Side, in_turns, matrix_product, product_rate
from genjax.models.layers import LAYOUT, correlate, double, halve
from genjax.models.stacks import features_at, resolutions

WIDTH, SIZE, CHANNELS = 64, 32, 3
FORMS = ("double", "halve", "correlate")
SIDES = ("genjax", "plain", "torch")
TARGETS = {"dcgan": 1.2, "vae": 1.2, "sample_1": 2.5}  # times PyTorch's rate


class Stack(NamedTuple):
    """Number of times that a training step, or a sampling, runs the layers of one stack.

    Attributes:
        name: name of the stack.
        batch: images in a batch.
        calls: calls of each of FORMS in a layer.
        image_calls: calls in the layer next to the image, whose gradient in the image is not always needed.
    """

    name: str
    batch: int
    calls: tuple[int, int, int]
    image_calls: tuple[int, int, int]


# The critic reads a batch of real images and two of fake ones, and learns from the first two of the three.
STACKS = {
    "dcgan": (Stack("generator", 64, (1, 1, 1), (1, 1, 1)), Stack("critic", 64, (3, 3, 2), (1, 3, 2))),
    "vae": (Stack("decoder", 128, (1, 1, 1), (1, 1, 1)), Stack("encoder", 128, (1, 1, 1), (0, 1, 1))),
    "sample_1": (Stack("generator", 1, (1, 0, 0), (1, 0, 0)),),
}


def profile(steps: Mapping[str, Mapping[str, Side]], *, turns: int, calls: int) -> dict[str, Any]:
    """Times every form of every layer, and the whole steps.

    Args:
        steps: {case of STACKS: {"genjax": its step or sampling, "torch": PyTorch's, where it is installed}}.
        turns: turns of each side.
        calls: calls of each side in a turn.
    Returns:
        {"layers": a row a layer, "steps": a row a case}, times in milliseconds; "product" is of as many operations as
        one form has, and "product_convolutions" as those of the whole step.
    """
    layers, rows = [], []
    for case, sides in steps.items():
        batch = STACKS[case][0].batch
        often = calls * max(1, 32 // batch)
        alone = [layer(case, batch, resolution, turns=turns, calls=often) for resolution in resolutions(SIZE)[:-1]]
        layers += alone
        times = in_turns({name: sides[name] for name in ("genjax", "torch") if name in sides}, turns=turns, calls=often)
        row: dict[str, Any] = {"case": case}
        row |= {side: 1e3 * statistics.median(taken) for side, taken in times.items()}
        rows.append(row | sum_convolutions(case, alone))
    return {"layers": layers, "steps": rows}


def sum_convolutions(case: str, alone: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Sums the convolutions of a step from its layers alone, in milliseconds; and at the rate of the product."""
    calls = [(found, form, n) for found in alone for form, n in needed(case, found["resolution"]).items()]
    sums: dict[str, float] = {"product_convolutions": sum(n * found["product"] for found, _, n in calls)}
    for side in alone[0]["double"]:
        sums[f"{side}_convolutions"] = sum(n * found[form][side] for found, form, n in calls)
    return sums


def needed(case: str, resolution: int) -> dict[str, int]:
    """Counts how often a step runs each form in the layer whose smaller side has this resolution."""
    last = 2 * resolution == SIZE
    of_stacks = [stack.image_calls if last else stack.calls for stack in STACKS[case]]
    return {form: sum(counts) for form, counts in zip(FORMS, zip(*of_stacks, strict=True), strict=True)}


def layer(case: str, batch: int, resolution: int, *, turns: int, calls: int) -> dict[str, Any]:
    """Times one layer: milliseconds of each form, and of a matrix product with as many operations."""
    many = features_at(resolution, size=SIZE, width=WIDTH)
    few = CHANNELS if 2 * resolution == SIZE else features_at(2 * resolution, size=SIZE, width=WIDTH)
    coarse = np.ones((batch, resolution, resolution, many), np.float32)
    fine, kernel = (
        np.ones((batch, 2 * resolution, 2 * resolution, few), np.float32),
        np.ones((4, 4, many, few), np.float32),
    )
    arguments = {
        "double": (double, coarse, kernel),
        "halve": (halve, fine, kernel),
        "correlate": (correlate, coarse, fine),
    }
    sides: dict[str, Side] = {}
    for form, (function, *arrays) in arguments.items():
        given = [jnp.asarray(array) for array in arrays]
        sides[f"genjax {form}"] = _ours(jax.jit(function), given)
        sides[f"plain {form}"] = _ours(jax.jit(plain_forms(coarse, kernel)[form]), given)
    if importlib.util.find_spec("torch") is not None:
        sides |= {f"torch {form}": side for form, side in _theirs(coarse, fine, kernel).items()}
    found = in_turns(sides, turns=turns, calls=calls) | in_turns({"product": matrix_product()}, turns=turns)
    times = {name: 1e3 * statistics.median(taken) for name, taken in found.items()}
    operations = 32 * batch * resolution**2 * many * few
    row: dict[str, Any] = {
        "case": case,
        "resolution": resolution,
        "layer": f"{resolution}x{resolution}x{many} - {2 * resolution}x{2 * resolution}x{few}",
        "product": 1e3 * operations / product_rate(times["product"] / 1e3),
    }
    for form in FORMS:
        row[form] = {side: times[f"{side} {form}"] for side in SIDES if f"{side} {form}" in times}
    return row


def plain_forms(coarse: np.ndarray, kernel: np.ndarray) -> dict[str, Callable[[Any, Any], Any]]:
    """Returns XLA's transposed convolution, and the gradients that JAX derives from it."""

    def plain(coarse: Any, kernel: Any) -> Any:
        return lax.conv_transpose(coarse, kernel, (2, 2), "SAME", dimension_numbers=LAYOUT)

    return {
        "double": plain,
        "halve": lambda fine, kernel: jax.linear_transpose(lambda images: plain(images, kernel), coarse)(fine)[0],
        "correlate": lambda coarse, fine: jax.linear_transpose(lambda taps: plain(coarse, taps), kernel)(fine)[0],
    }


def _ours(function: Callable[..., Any], arrays: list[Any]) -> Side:
    return lambda: jax.block_until_ready(function(*arrays))


def _theirs(coarse: np.ndarray, fine: np.ndarray, kernel: np.ndarray) -> dict[str, Side]:
    """Builds PyTorch's forms: in its own layout, with as many operations."""
    import torch
    from torch.nn import functional

    small, large = (torch.from_numpy(array).permute(0, 3, 1, 2).contiguous() for array in (coarse, fine))
    weight = torch.from_numpy(kernel).permute(2, 3, 0, 1).contiguous()  # (c, d, 4, 4): of either direction

    def kernel_gradient() -> object:
        return torch.ops.aten.convolution_backward(
            small, large, weight, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, [False, True, False]
        )

    def quiet(function: Callable[[], object]) -> Side:
        def run() -> object:
            with torch.no_grad():
                return function()

        return run

    return {
        "double": quiet(lambda: functional.conv_transpose2d(small, weight, stride=2, padding=1)),
        "halve": quiet(lambda: functional.conv2d(large, weight, stride=2, padding=1)),
        "correlate": quiet(kernel_gradient),
    }


def markdown(found: Mapping[str, Any]) -> str:
    """Writes both tables, and the conclusions."""
    lines = ["| layer | wide product | double | halve | correlate |", "|---|---|---|---|---|"]
    for row in found["layers"]:
        cells = [" / ".join(digits(row[form][side], 2) for side in row[form]) for form in FORMS]
        lines.append(f"| {row['case']} {row['layer']} | {digits(row['product'], 2)} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Milliseconds. Wide: as many operations at the rate of a product of two 2048x2048 matrices. The forms:",
        "genjax / XLA's own / PyTorch, each alone, so that their sum may exceed the step, where they find their arrays",
        "in the cache, and where two that use one core each run at once.",
        "",
    ]
    lines += [
        "| step | genjax | its convolutions | in XLA's own form | at the wide rate | PyTorch | its convolutions |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    sums = [f"{side}_convolutions" for side in ("genjax", "plain", "product", "torch")]
    keys = ("genjax", *sums[:3], "torch", sums[3])
    for row in found["steps"]:
        cells = [digits(row[key], 3) if key in row else "" for key in keys]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *filter(None, map(verdict, found["steps"])), ""])


def digits(value: float, number: int) -> str:
    """Formats a number with so many significant digits, never with an exponent."""
    return f"{float(f'{value:.{number}g}'):,.10g}"


def verdict(row: Mapping[str, Any]) -> str:
    """Compares a step with its target, and its convolutions with PyTorch's; empty without PyTorch."""
    if "torch" not in row:
        return ""
    target, alone = TARGETS[row["case"]], row["genjax_convolutions"]
    return (
        f"- {row['case']}: {row['torch'] / row['genjax']:.2f} times PyTorch's rate, where {target} is aimed at; of its"
        f" convolutions alone {row['torch_convolutions'] / alone:.2f} times, and"
        f" {row['plain_convolutions'] / alone:.1f} times the rate of XLA's own form."
    )
