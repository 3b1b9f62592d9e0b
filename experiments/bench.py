"""How fast a step is, as ratios inside one run: absolute times on shared machines are noise.

    python experiments/bench.py            # prints a table; --json prints the same as JSON
    python experiments/bench.py --quick    # few repeats, to see that everything runs

The demo's GAN step (16x16 grey, width 64, batch 64) against the same step with `nn.ConvTranspose` and `nn.Conv`: same
parameters, same losses, same updates, in turns.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import tyro

from genjax import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array

from genjax.augment import AUGMENTATIONS
from genjax.control import ada
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic, Generator
from genjax.models.layers import minibatch_deviation
from genjax.models.stacks import features_at, group_norm, resolutions
from genjax.terminal import result, table
from genjax.train import make_gan
from genjax.train.state import Learner


@dataclass(frozen=True)
class Bench:
    """Times a GAN step against the naive form of the same step."""

    repeats: int = 15
    """Timed blocks of each side, in turns."""
    steps: int = 10
    """Steps in a block."""
    json: bool = False
    """Print JSON instead of a table."""
    quick: bool = False
    """Few repeats."""


@dataclass(frozen=True)
class Row:
    """One comparison: milliseconds of a step, medians over the repeats, and the median of the ratios turn by turn."""

    case: str
    ours_ms: float
    naive_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    repeats: int


class NaiveGenerator(nn.Module):
    """The demo's generator with Flax's own transposed convolution; its parameters have the same names and shapes."""

    size: int = 16
    width: int = 64
    latent_size: int = 64

    @nn.compact
    def __call__(self, latents: Array) -> Array:
        """Images in [-1, 1]."""
        features = features_at(4, size=self.size, width=self.width)
        images = nn.Dense(16 * features, name="stem")(latents).reshape(-1, 4, 4, features)
        for resolution in resolutions(self.size)[1:]:
            images = nn.relu(group_norm(images, dtype=jnp.float32, name=f"norm_{resolution // 2}"))
            features = 1 if resolution == self.size else features_at(resolution, size=self.size, width=self.width)
            images = nn.ConvTranspose(features, (4, 4), (2, 2), name=f"up_{resolution}")(images)
        return jnp.tanh(images)


class NaiveCritic(nn.Module):
    """The demo's critic with Flax's own convolution; its parameters have the same names and shapes."""

    size: int = 16
    width: int = 64

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Logits."""
        for resolution in reversed(resolutions(self.size)[:-1]):
            features = features_at(resolution, size=self.size, width=self.width)
            images = nn.leaky_relu(nn.Conv(features, (4, 4), (2, 2), padding=1, name=f"down_{resolution}")(images), 0.2)
        features = minibatch_deviation(images)
        return nn.Dense(1, name="head")(features.reshape(len(features), -1))[:, 0]


def gan(generator: nn.Module, critic: nn.Module) -> Learner:
    """The demo's learner around these networks."""
    adam = optax.adam(2e-3, b1=0.0, b2=0.99)
    return make_gan(
        generator,
        critic,
        latent_size=64,
        loss=ADVERSARIAL["non_saturating"],
        optimizer=adam,
        critic_optimizer=adam,
        augment=AUGMENTATIONS["ada"],
        controller=ada(images_to_one=100_000),
        r1_weight=1.0,
    )


def compare(case: str, ours: Callable[[], None], naive: Callable[[], None], settings: Bench) -> Row:
    """Times two callables in turns."""
    times: dict[str, list[float]] = {"ours": [], "naive": []}
    for turn in range(settings.repeats + 1):
        for name, run in (("ours", ours), ("naive", naive)):
            began = time.perf_counter()
            run()
            if turn:  # the first turn compiles
                times[name].append((time.perf_counter() - began) / settings.steps * 1e3)
    ratios = sorted(naive_ms / ours_ms for ours_ms, naive_ms in zip(times["ours"], times["naive"], strict=True))
    return Row(
        case,
        statistics.median(times["ours"]),
        statistics.median(times["naive"]),
        statistics.median(ratios),
        ratios[0],
        ratios[-1],
        len(ratios),
    )


def stepper(learner: Learner, batch: dict[str, np.ndarray], steps: int) -> Callable[[], None]:
    """A callable that makes that many steps and waits for them."""
    step = jax.jit(learner.step, donate_argnums=0)
    state = learner.init(jax.random.key(0), batch)

    def run() -> None:
        nonlocal state
        for _ in range(steps):
            state, _ = step(state, batch)
        jax.block_until_ready(state.trainable)

    return run


def same_parameters(ours: Learner, naive: Learner, batch: dict[str, np.ndarray]) -> None:
    """Raises unless both sides have the same parameters, so that a ratio means something."""
    shapes = [
        jax.tree.map(
            jnp.shape, jax.eval_shape(lambda learner=learner: learner.init(jax.random.key(0), batch)).trainable
        )
        for learner in (ours, naive)
    ]
    if shapes[0] != shapes[1]:
        raise AssertionError(f"the two sides differ: {shapes[0]} and {shapes[1]}")


def main(settings: Bench) -> int:
    """Prints the comparison; returns the exit code."""
    if settings.quick:
        settings = Bench(repeats=2, steps=2, json=settings.json)
    batch = {"image": np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)}
    ours, naive = gan(Generator(), Critic()), gan(NaiveGenerator(), NaiveCritic())
    same_parameters(ours, naive, batch)
    rows = [
        compare(
            "GAN step, 16x16x1, width 64, batch 64",
            stepper(ours, batch, settings.steps),
            stepper(naive, batch, settings.steps),
            settings,
        )
    ]
    if settings.json:
        result(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        cells = [
            (
                row.case,
                f"{row.ours_ms:.1f} ms",
                f"{row.naive_ms:.1f} ms",
                f"{row.ratio:.2f} ({row.ratio_low:.2f} .. {row.ratio_high:.2f})",
            )
            for row in rows
        ]
        result(table(("case", "ours", "nn.ConvTranspose", f"times as fast, median of {rows[0].repeats}"), cells))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
