# pyright: reportMissingImports=false
"""Steps of flow models on an accelerator: how long, and how much of the card's rate, beside compiled PyTorch."""

import dataclasses
import statistics
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.bench.accelerator_steps import Accelerator, Case, first_state, timed
from experiments.bench.peers.twins import HAS_TORCH, shaken, torch_flow, uint8_images
from experiments.common.timing import in_turns
from genjax.config import ModelConfig
from genjax.control import chain
from genjax.devices import jaxpr_cost
from genjax.families.flow.options import DitConfig, FlowConfig, UnetConfig
from genjax.families.registry import build_learner
from genjax.terminal import say

SIDE = 8192  # of the square matrices whose product is the card's rate; 512 in the quick form


class FlowCase(NamedTuple):
    """A flow model of 32 pixels and three channels, and the images in its batch."""

    name: str
    options: FlowConfig
    batch: int


CASES = (
    FlowCase("DiT of the defaults, batch 256", FlowConfig(), 256),
    FlowCase("DiT-B, patch 2, batch 128", FlowConfig(dit=DitConfig(2, width=768, depth=12, heads=12)), 128),
    FlowCase("U-Net of width 128, batch 128", FlowConfig(network="unet", unet=UnetConfig(width=128)), 128),
)
TINY = (FlowCase("DiT, batch 8", FlowConfig(dit=DitConfig(width=16, depth=1)), 8),)


def flows(settings: Accelerator) -> list[dict[str, Any]]:
    """Measures steps of flow models in both precisions, by XLA's defaults."""
    rows = []
    for dtype in ("float32", "bfloat16"):
        rate = product_rate(settings, dtype)
        for one in TINY if settings.quick else CASES:
            say(f"{one.name}, {dtype}")
            model = ModelConfig("flow", 32, 3, dtype, one.batch, one.options)
            case = Case(build_learner(model, control=chain()), {"image": uint8_images(model)})
            row: dict[str, Any] = {"case": one.name, "dtype": dtype} | timed(settings, case, {})
            work = jaxpr_cost.flops(case.learner.step, jax.eval_shape(first_state(case)), case.batch)
            row["of_limit"] = work / rate / (1e-3 * row["milliseconds"])
            if HAS_TORCH and one.options.network == "dit":
                row["torch_milliseconds"] = torch_milliseconds(settings, model, case)
            rows.append(row)
    return rows


def product_rate(settings: Accelerator, dtype: str) -> float:
    """Returns the operations a second of a product of large matrices, as products come by default on the card."""
    side = 512 if settings.quick else SIDE
    matrix, product = jnp.ones((side, side), dtype), jax.jit(jnp.matmul)

    def one() -> None:
        jax.block_until_ready([product(matrix, matrix) for _ in range(settings.calls)])

    taken = in_turns({"product": one}, turns=settings.turns)["product"]
    return 2.0 * side**3 * settings.calls / statistics.median(taken)


def torch_milliseconds(settings: Accelerator, model: ModelConfig, case: Case) -> float:
    """Times PyTorch's step of the same network with the same parameters, by torch.compile, on the same card."""
    import torch

    from experiments.bench.peers.dit import flow_step

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # as products are in JAX by default
    trainable = first_state(case)().trainable["flow"]
    step = flow_step(
        torch_flow(dataclasses.replace(model, dtype="float32"), shaken(trainable)),
        learning_rate=model.options.learning_rate,
        compiled=True,
        device=device,
        dtype=model.dtype,
    )
    images = torch.from_numpy(case.batch["image"]).to(device)

    def one() -> None:
        for _ in range(settings.calls):
            step(images)
        if device == "cuda":
            torch.cuda.synchronize()

    taken = in_turns({"torch": one}, turns=settings.turns)["torch"]
    return 1e3 * statistics.median(taken) / settings.calls
