"""Training of the network behind the features embedded-v1; its weights are in genjax/evaluate/features/weights.

    python experiments/embedding/train_embedding.py --out embedded.safetensors
    python experiments/embedding/train_embedding.py --quick     # a few steps into a temporary folder

It learns to name what pictures show and how they are drawn: handwritten digits (training part) and typeset digits and
capitals (training fonts), at 16 and 32 pixels, grey and in colour, some of them blurred or noisy. Held-out digits and
held-out fonts are never seen in training, so that they can stand on the real side of an evaluation.

Measured on 2026-11-23 with seed 0, on two CPU cores that others used too: 294 s, 667,912 bytes.

| held out                  | glyph  | handwritten or typeset | weight | slant  | colour |
|---------------------------|--------|------------------------|--------|--------|--------|
| digits, 16x16x1           | 97.8 % | 99.7 %                 |        |        |        |
| digits, 32x32x3           | 97.5 % | 99.7 %                 |        |        |        |
| glyphs, 16x16x1           | 95.7 % | 100 %                  | 94.2 % | 88.0 % |        |
| glyphs, 32x32x3           | 95.5 % | 100 %                  | 99.5 % | 86.0 % | 100 %  |
| glyphs of letters 16x16x1 | 98.1 % | 99.9 %                 | 96.3 % | 79.3 % |        |
| glyphs of letters 32x32x3 | 96.7 % | 100 %                  | 99.3 % | 76.3 % | 100 %  |

A training repeated elsewhere rounds differently, and its features are others: give them another name, never this one.
"""

import dataclasses
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.common.weights import check_new, packed, rounded
from experiments.embedding.images import UNKNOWN, Labelled, joined, labelled, take, training_images
from experiments.embedding.step import HEADS, make_step, read
from genjax.data import load, to_float
from genjax.errors import InputError
from genjax.evaluate.features.embedded import WEIGHTS
from genjax.models.features.embedding import DIM, SIZE, Embedding
from genjax.terminal import progress, result, say, table


@dataclass(frozen=True)
class TrainEmbedding:
    """Trains the network behind embedded-v1."""

    out: Path = WEIGHTS / "embedded-v1.safetensors"
    """Weights file to write."""
    seed: int = 0
    """Seed of everything random."""
    steps: int = 750
    """Updates."""
    batch: int = 128
    """Images in a batch."""
    learning_rate: float = 2e-3
    """Adam's highest learning rate; it falls to 0 along a cosine."""
    glyphs: int = 1500
    """Typeset images of each kind: digits or capitals, 16 or 32 pixels, grey or in colour."""
    quick: bool = False
    """A few steps on few images, into a temporary folder."""
    force: bool = False
    """Write over an existing file."""


def main(settings: TrainEmbedding) -> int:
    """Trains, measures on held-out images, writes the weights; returns the exit code."""
    if settings.quick:
        folder = Path(tempfile.mkdtemp(prefix="genjax-embedding-"))
        settings = dataclasses.replace(settings, out=folder / settings.out.name, steps=3, glyphs=20, batch=32)
    if min(settings.steps, settings.batch, settings.glyphs) < 1:
        raise InputError("--steps, --batch and --glyphs must be 1 or more.")
    check_new(settings.out, force=settings.force)
    began = time.monotonic()
    written, typeset = training_images(settings.glyphs, settings.seed)
    say(f"data    {len(written.images)} handwritten and {len(typeset.images)} typeset images")
    params = standardise(train(settings, written, typeset), written, typeset)
    params["embedding"] = rounded(params["embedding"])
    result(report(params, settings))
    content, sha256 = packed(params["embedding"], name="embedded-v1", seed=str(settings.seed))
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_bytes(content)
    say(f"{time.monotonic() - began:.0f} s, {len(content):,} bytes, sha256 {sha256}")
    result(str(settings.out))
    return 0


def train(settings: TrainEmbedding, written: Labelled, typeset: Labelled) -> dict[str, Any]:
    """Trains the network and its heads on batches of which two fifths are handwritten; returns the parameters."""
    key, of_embedding, of_heads = jax.random.split(jax.random.key(settings.seed), 3)
    params = {
        "embedding": Embedding().init(of_embedding, jnp.zeros((1, SIZE, SIZE, 3)))["params"],
        "heads": HEADS.init(of_heads, jnp.zeros((1, DIM)))["params"],
    }
    optimizer = optax.adam(optax.cosine_decay_schedule(settings.learning_rate, settings.steps))
    state = optimizer.init(params)
    step = jax.jit(make_step(optimizer), donate_argnums=(0, 1))
    rng = np.random.default_rng(settings.seed)
    from_hand, loss = settings.batch * 2 // 5, jnp.inf
    with progress("embedding", done=0, total=settings.steps * settings.batch) as bar:
        for number in range(settings.steps):
            chosen = [(written, from_hand), (typeset, settings.batch - from_hand)]
            parts = [take(part, rng.integers(len(part.images), size=n)) for part, n in chosen]
            params, state, loss = step(params, state, jax.random.fold_in(key, number), joined(parts))
            bar.update(settings.batch)
    say(f"loss    {float(loss):.3f} after {settings.steps} steps")
    return params


def standardise(params, written: Labelled, typeset: Labelled) -> dict[str, Any]:
    """Scales features to mean 0 and deviation 1 over as many images of each origin; the heads' readings stay."""
    fewest = min(len(written.images), len(typeset.images), 2000)
    images = np.concatenate([part.images[:: len(part.images) // fewest][:fewest] for part in (written, typeset)])
    features = in_batches(jax.jit(lambda x: Embedding().apply({"params": params["embedding"]}, x)), images)
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
    heads = {
        name: {"kernel": head["kernel"] * deviation[:, None], "bias": head["bias"] + mean @ head["kernel"]}
        for name, head in params["heads"].items()
    }
    return {"embedding": params["embedding"] | {"mean": mean, "deviation": deviation}, "heads": heads}


def in_batches(function, images: np.ndarray, size: int = 200) -> Any:
    """Applies a function of images in [-1, 1] to many uint8 images."""
    parts = [function(to_float(images[start : start + size])) for start in range(0, len(images), size)]
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def report(params, settings: TrainEmbedding) -> str:
    """Measures the heads on images that were held out: other digits, and glyphs of other fonts."""
    reading = jax.jit(lambda images: read(params, images))
    columns = ("glyph", "origin", "weight", "slant", "colour")
    rows = []
    for spec, (size, channels) in itertools.product(("digits", "glyphs", "glyphs:letters"), ((16, 1), (32, 3))):
        part = labelled(load(spec, size=size, channels=channels, split="test", num=20 if settings.quick else 0))
        found = in_batches(reading, part.images)
        accuracies = (accuracy(found[name], part.labels[name]) for name in columns)
        rows.append((f"{spec} {size}x{size}x{channels}", *accuracies))
    return table(("held out", *columns), rows)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> str:
    """Formats the accuracy in percent, over the images that have a label."""
    known = labels != UNKNOWN
    return f"{100 * (logits[known].argmax(axis=1) == labels[known]).mean():.1f} %" if known.any() else ""


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(TrainEmbedding, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
