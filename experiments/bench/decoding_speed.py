"""Decoding speed: how much faster is a prior with a cache, and with all tokens at once? How fast does it train?

    python experiments/bench/decoding_speed.py --out runs/decoding_speed    # about 10 minutes on two cores
    python experiments/bench/decoding_speed.py --quick                      # a tiny prior, to see that everything runs

The prior is the default one (2 million parameters, 16 text and 64 image tokens), untrained: what a token costs does not
depend on what it is. Cases take turns, after one turn that compiles; times are medians over the turns, and ratios are
of times within one turn. On a machine that others use too, only the ratios mean something: the load is written beside
them. Tokens are not made into images here. Writes decoding_speed.json and decoding_speed.md into --out.
"""

import math
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp

from experiments.common.calls import waiting
from experiments.common.timing import in_turns, ratio
from genjax.errors import InputError
from genjax.families.text_to_image.build_prior import build_prior, build_transformer
from genjax.families.text_to_image.decoding import Decoder, autoregressive_decoder, parallel_decoder
from genjax.families.text_to_image.network_options import DecodingConfig, PriorConfig
from genjax.models.segments import Segment
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say
from genjax.tree import count

TEXT, TOKENS = Segment("text", 16, 96), Segment("tokens", 64, 512, columns=8)
ORDER = (TEXT, TOKENS)
GUIDED = 3.0


@dataclass(frozen=True)
class Bench:
    """Times decoding and training of the default prior."""

    batches: tuple[int, ...] = (1, 16)
    """Images decoded at once."""
    turns: int = 9
    """Turns of all cases, after the one that compiles; the median counts."""
    train_batch: int = 64
    """Sequences in a training step."""
    width: int = 192
    """Width of the transformer."""
    depth: int = 4
    """Blocks of the transformer."""
    out: Path = Path("runs/decoding_speed")
    """Folder of the results."""
    quick: bool = False
    """A tiny prior and few turns."""


def main(settings: Bench) -> int:
    """Measures, writes and prints; returns the exit code."""
    if settings.quick:
        settings = Bench((1,), turns=2, train_batch=4, width=16, depth=1, out=settings.out)
    priors = {
        objective: PriorConfig(
            objective=objective, width=settings.width, depth=settings.depth, heads=settings.width // 32 or 1
        )
        for objective in ("autoregressive", "masked")
    }
    before = os.getloadavg()[0]
    decoding = [measure_decoding(settings, priors, batch) for batch in settings.batches]
    training = measure_training(settings, priors)
    figures = {
        "prior": {"parameters": training.pop("parameters"), "text": TEXT.length, "tokens": TOKENS.length},
        "machine": {
            "cores": os.cpu_count(),
            "load": [before, os.getloadavg()[0]],
            "backend": jax.default_backend(),
            "jax": jax.__version__,
        },
        "turns": settings.turns,
        "decoding": decoding,
        "training": training,
    }
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "decoding_speed.json", figures)
    text = markdown(figures)
    write_bytes(settings.out / "decoding_speed.md", text.encode())
    result(text)
    return 0


def decoders(priors: dict[str, PriorConfig]) -> dict[str, tuple[str, Decoder]]:
    """Builds {case: (objective, decoder)}."""
    in_turn, at_once = (build_transformer(priors[name], ORDER) for name in ("autoregressive", "masked"))
    plain, guided = DecodingConfig(), DecodingConfig(guidance=GUIDED)
    return {
        "cached": ("autoregressive", autoregressive_decoder(in_turn, plain)),
        "uncached": ("autoregressive", autoregressive_decoder(in_turn, plain, cached=False)),
        "cached, guided": ("autoregressive", autoregressive_decoder(in_turn, guided)),
        "uncached, guided": ("autoregressive", autoregressive_decoder(in_turn, guided, cached=False)),
        "parallel, 8 steps": ("masked", parallel_decoder(at_once, plain)),
        "parallel, 8 steps, guided": ("masked", parallel_decoder(at_once, guided)),
        "parallel, 12 steps": ("masked", parallel_decoder(at_once, DecodingConfig(steps=12))),
    }


def measure_decoding(settings: Bench, priors: dict[str, PriorConfig], batch: int) -> dict[str, Any]:
    """Times all cases at a batch, and compares the tokens with and without the cache."""
    say(f"decoding {batch} at once")
    params = {name: parameters(prior) for name, prior in priors.items()}
    text = jax.random.randint(jax.random.key(1), (batch, TEXT.length), 0, TEXT.vocabulary)
    cases: dict[str, Callable[[], Any]] = {}
    tokens = {}
    for name, (objective, decoder) in decoders(priors).items():
        uniforms = jax.random.uniform(jax.random.key(2), (batch, decoder.uniforms))
        cases[name] = waiting(jax.jit(decoder.decode), params[objective], (text,), uniforms)
        tokens[name] = np.asarray(cases[name]())
    times = in_turns(cases, turns=settings.turns, pause=0.0)
    return {
        "batch": batch,
        "milliseconds": {name: 1e3 * statistics.median(taken) for name, taken in times.items()},
        "tokens_per_second": {name: batch * TOKENS.length / statistics.median(taken) for name, taken in times.items()},
        "cached_times_as_fast": ratio(times["uncached"], times["cached"])._asdict(),
        "cached_times_as_fast_guided": ratio(times["uncached, guided"], times["cached, guided"])._asdict(),
        "parallel_times_as_fast": ratio(times["cached"], times["parallel, 8 steps"])._asdict(),
        "equal_tokens": float((tokens["cached"] == tokens["uncached"]).mean()),
        "equal_tokens_guided": float((tokens["cached, guided"] == tokens["uncached, guided"]).mean()),
    }


def measure_training(settings: Bench, priors: dict[str, PriorConfig]) -> dict[str, Any]:
    """Times a step of each objective, and a product of matrices of the size of those in it."""
    say(f"training steps of {settings.train_batch}")
    rows, width = settings.train_batch * (TEXT.length + TOKENS.length), settings.width
    left, right = jnp.ones((rows, width)), jnp.ones((width, 4 * width))
    product = jax.jit(lambda left, right: left @ right)
    cases: dict[str, Callable[[], Any]] = {"product": waiting(lambda: [product(left, right) for _ in range(10)])}
    numbers = {}
    rng = np.random.default_rng(0)
    batch = {s.name: rng.integers(0, s.vocabulary, (settings.train_batch, s.length)) for s in ORDER}
    for name, prior in priors.items():
        learner = build_prior(prior, ORDER)
        state = jax.jit(lambda key, learner=learner: learner.init(key, batch))(jax.random.key(0))
        numbers[name] = count(state.trainable)
        cases[name] = waiting(jax.jit(learner.step), state, batch)
    times = in_turns(cases, turns=settings.turns, pause=0.0)
    peak = 10 * 2 * rows * width * 4 * width
    kernels = settings.depth * 12 * width**2
    work = {  # multiplications and additions of the kernels and heads, forward and twice as many backward
        "autoregressive": 6 * (rows * kernels + settings.train_batch * width * heads_work()),
        "masked": 6 * (rows * kernels + settings.train_batch * width * TOKENS.length * TOKENS.vocabulary),
    }
    return {
        "parameters": numbers,
        "batch": settings.train_batch,
        "product_gflops": peak / statistics.median(times["product"]) / 1e9,
        "milliseconds": {name: 1e3 * statistics.median(times[name]) for name in priors},
        "tokens_per_second": {name: rows / statistics.median(times[name]) for name in priors},
        "part_of_product_rate": {
            name: ratio([taken * work[name] / peak for taken in times["product"]], times[name])._asdict()
            for name in priors
        },
    }


def heads_work() -> int:
    """Counts the logits of one sequence, where each segment has its own vocabulary."""
    return sum(segment.length * segment.vocabulary for segment in ORDER)


def parameters(prior: PriorConfig) -> Any:
    """Initialises a prior."""
    transformer = build_transformer(prior, ORDER)
    examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in ORDER)
    return jax.jit(transformer.init)(jax.random.key(0), examples)["params"]


def markdown(figures: dict[str, Any]) -> str:
    """Writes the tables."""
    machine, training = figures["machine"], figures["training"]
    load = " and ".join(f"{value:.1f}" for value in machine["load"])
    lines = [
        "# Decoding and training speed of the default prior",
        "",
        f"{max(figures['prior']['parameters'].values()):,} parameters, {figures['prior']['text']} text and "
        f"{figures['prior']['tokens']} image tokens, float32; {machine['cores']} cores, load average {load} before and "
        f"after, so that ratios mean more than times; jax {machine['jax']} on {machine['backend']}. Medians of "
        f"{figures['turns']} turns. Tokens only, without the tokenizer's decoder.",
        "",
        "| decoding | batch | ms | tokens/s |",
        "|---|---|---|---|",
    ]
    for row in figures["decoding"]:
        for name, taken in row["milliseconds"].items():
            lines.append(f"| {name} | {row['batch']} | {taken:.1f} | {row['tokens_per_second'][name]:,.0f} |")
    lines += [
        "",
        "| how many times as fast, turn by turn | batch | median | lowest | highest |",
        "|---|---|---|---|---|",
    ]
    ratios = {
        "cached_times_as_fast": "cached against uncached",
        "cached_times_as_fast_guided": "the same, guided",
        "parallel_times_as_fast": "parallel in 8 steps against cached",
    }
    for row in figures["decoding"]:
        lines += [f"| {name} | {row['batch']} | {spread(row[key])} |" for key, name in ratios.items()]
    equal = min(min(row["equal_tokens"], row["equal_tokens_guided"]) for row in figures["decoding"])
    lines += ["", f"Cached and uncached decoding gave {equal:.1%} equal tokens in the worst case.", ""]
    lines += [
        f"| training step of {training['batch']} | ms | tokens/s | part of a matrix product's rate (lowest, highest) |"
    ]
    lines += ["|---|---|---|---|"]
    for name, taken in training["milliseconds"].items():
        part = training["part_of_product_rate"][name]
        lines.append(
            f"| {name} | {taken:.0f} | {training['tokens_per_second'][name]:,.0f} "
            f"| {part['median']:.2f} ({part['low']:.2f}, {part['high']:.2f}) |"
        )
    lines += ["", f"The product itself, {training['product_gflops']:.0f} GFLOP/s, was taken in the same turns."]
    return "\n".join(lines) + "\n"


def spread(value: dict[str, float]) -> str:
    """Formats three cells: median, lowest, highest."""
    digits = 1 if value["median"] >= 1 or math.isnan(value["median"]) else 2
    return " | ".join(f"{value[name]:.{digits}f}" for name in ("median", "low", "high"))


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
