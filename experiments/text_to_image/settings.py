"""Settings of the text-to-image experiment, its model's config, and two of its judges."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import optax

from experiments.text_to_image.judges import Judge
from genjax.config import TextToImageConfig, TrainConfig
from genjax.data import Dataset, load
from genjax.data.batches import Columns
from genjax.data.glyphs.captions import VALUES
from genjax.evaluate.attribute_classifier import make_classifier
from genjax.families.text.files import to_json
from genjax.families.text_to_image.build_prior import build_prior
from genjax.families.text_to_image.model import TextToImage
from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.stages import encoded, segments_of
from genjax.families.text_to_image.tokenizers.options import DvaeConfig, TokenizerConfig
from genjax.models.features.attributes import AttributeClassifier
from genjax.tree import content_hash

Part = Literal["trained", "classifier", "samples", "likelihood", "captions", "speed", "pace", "adaptation"]
PARTS: tuple[Part, ...] = get_args(Part)
HEADS = ("glyph", "colour", "weight", "tilt")
SETS = {"trained": "glyphs:captioned", "held_out": "glyphs:captioned:held_out"}
# Seed of what is judged, where the split is that of the training's fonts: other images of them. No training may have
# it, for of two sets with one seed the smaller is the head of the larger.
NEW = 1_000_001
PICTURED = (
    *("a bold red seven", "two small green threes", "a blue four, tilted left", "two yellow bold zeros"),
    *("a small purple two, tilted right", "a white eight"),
)


@dataclass(frozen=True)
class Experiment:
    """Trains and judges text to image, and image to text, on captioned glyphs."""

    kind: Literal["vq", "dvae"] = "vq"
    """Kind of the tokenizer."""
    seed: int = 0
    """Seed of everything random."""
    images: int = 32_000
    """Images to train on."""
    batch: int = 32
    """Images in a batch."""
    tokenizer_steps: int = 4000
    """Updates of the tokenizer."""
    prior_steps: int = 7000
    """Updates of each prior."""
    reranker_steps: int = 2500
    """Updates of the reranker."""
    classifier_steps: int = 2500
    """Updates of the classifier."""
    captioner_steps: int = 3000
    """Updates of the captioner."""
    width: int = 128
    """Width of the transformers."""
    depth: int = 4
    """Blocks of the transformers."""
    guidance: float = 2.0
    """Guidance of both priors when they are judged."""
    num: int = 600
    """Samples of each kind that are judged."""
    turns: int = 15
    """Turns of the timings."""
    parts: tuple[Part, ...] = PARTS
    """Figures of the trained model to measure."""
    runs: Path = Path("runs/text_to_image")
    """Folder of the models."""
    out: Path = Path("runs/text_to_image/results")
    """Folder of the results."""
    combine: tuple[Path, ...] = ()
    """Folders of results of other seeds: train and measure nothing, and write their means into --out."""
    quick: bool = False
    """Tiny networks and few steps, to see that everything runs."""


QUICK = {
    "images": 400,
    "batch": 16,
    "tokenizer_steps": 8,
    "prior_steps": 6,
    "reranker_steps": 4,
    "classifier_steps": 6,
    "captioner_steps": 4,
    "width": 16,
    "depth": 1,
    "num": 24,
    "turns": 2,
}


def run_config(settings: Experiment) -> TrainConfig:
    """Config of the model's training, which is judged at its end only."""
    return TrainConfig(
        data="glyphs",
        size=32,
        model=model_options(settings),
        num_images=settings.images,
        batch=settings.batch,
        seed=settings.seed,
        sample_every=max(settings.tokenizer_steps, settings.prior_steps),
        evaluate_every=0,
        out=settings.runs / f"{settings.kind}-{settings.seed}",
    )


def model_options(settings: Experiment) -> TextToImageConfig:
    """Options of the text-to-image model."""
    small = settings.quick
    return TextToImageConfig(
        tokenizer_steps=settings.tokenizer_steps,
        prior_steps=settings.prior_steps,
        masked_steps=settings.prior_steps,
        reranker_steps=settings.reranker_steps,
        tokenizer=TokenizerConfig(
            kind=settings.kind,
            codes=32 if small else 128,
            width=4 if small else 32,
            depth=1,
            learning_rate=2e-3,
            dvae=DvaeConfig(temperature_steps=int(0.8 * settings.tokenizer_steps)),
        ),
        prior=PriorConfig(
            width=settings.width, depth=settings.depth, heads=max(1, settings.width // 32), learning_rate=1.5e-3
        ),
        reranker=RerankerConfig(width=4, text_width=16, text_depth=1) if small else RerankerConfig(width=16),
    )


def judges_of(settings: Experiment) -> Path:
    """Folder of classifiers and captioner."""
    return settings.runs / f"judges-{settings.kind}-{settings.seed}"


def classifier_of(settings: Experiment) -> AttributeClassifier:
    """Builds the network that reads attributes."""
    heads = tuple((name, len(VALUES[name])) for name in HEADS)
    return AttributeClassifier(heads, 32, width=4 if settings.quick else 16)


def attribute_judge(settings: Experiment) -> Judge:
    """Makes the classifier of attributes: all combinations, on images that neither train a prior nor judge it."""
    data = load("glyphs:captioned:all", size=32, num=settings.images, seed=settings.seed + 1000)
    columns = {"image": data.images} | {name: numbers(data, name) for name in HEADS}
    learner = make_classifier(classifier_of(settings), optimizer=optax.adamw(1e-3))
    return Judge("classifier", learner, columns, settings.classifier_steps, {})


def numbers(data: Dataset, name: str) -> np.ndarray:
    """Numbers each image by its value of an attribute."""
    places = {value: place for place, value in enumerate(VALUES[name])}
    return np.array([places[value] for value in data.factors[name].tolist()], np.int32)


def captioner_config(settings: Experiment) -> PriorConfig:
    """Config of the captioner: the prior's transformer, of which only the text is predicted."""
    return dataclasses.replace(model_options(settings).prior, condition_weight=0.0, null_probability=0.0)


def captioner_judge(settings: Experiment, model: TextToImage, data: Dataset) -> Judge:
    """Makes the captioner: image tokens before text, in the same transformer."""
    text, tokens = segments_of(model.config)
    columns: Columns = {"text": model.vocabulary.encode(data.captions), "tokens": tokens_of(model, data)}
    learner = build_prior(captioner_config(settings), (tokens, text))
    words = json.dumps(to_json(model.vocabulary), sort_keys=True)
    needs = {
        "tokenizer": content_hash(model.networks["tokenizer"]),
        "vocabulary": hashlib.sha256(words.encode()).hexdigest(),
    }
    return Judge("captioner", learner, columns, settings.captioner_steps, needs)


def tokens_of(model: TextToImage, data: Dataset) -> np.ndarray:
    """Encodes a set as image tokens."""
    return encoded(model.codec, model.networks["tokenizer"], data.images)
