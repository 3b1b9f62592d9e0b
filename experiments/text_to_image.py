"""A small, faithful DALL-E on two cores: trained on captioned glyphs, and judged by a classifier that it never saw.

    python experiments/text_to_image.py --out experiments/results/text_to_image   # about 60 minutes on two cores
    python experiments/text_to_image.py --kind dvae                               # with a discrete VAE
    python experiments/text_to_image.py --quick                                   # tiny, to see that everything runs

It trains a tokenizer, an autoregressive and a masked prior, a reranker, a classifier of attributes and a captioner (the
same transformer with its segments swapped), and measures each against what is independent of it: held-out fonts, and
combinations of glyph, colour, weight and tilt that were never trained. Stop it at any time; started again it goes on.
It writes text_to_image.json, text_to_image.md and text_to_image.png into --out; the models are in --runs.
"""

import dataclasses
import functools
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, Literal

import numpy as np
import tyro

from genjax import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp
import optax
from decoding_speed import ratio, take_turns

from genjax.config.prior import DecodingConfig, PriorConfig, RerankerConfig
from genjax.config.text_to_image import TextToImageConfig
from genjax.config.tokenizer import DvaeConfig, TokenizerConfig
from genjax.data import Dataset, load, to_uint8
from genjax.data.batches import batch_indices
from genjax.data.glyph_captions import VALUES, parse
from genjax.data.glyph_combinations import Combination, held_out_combinations
from genjax.decoding import autoregressive_decoder
from genjax.errors import InputError
from genjax.evaluate import evaluate_images, load_extractor
from genjax.evaluate.attributes import Share, agreement, difference, wilson
from genjax.evaluate.unigram import placed_unigram_nats, unigram_nats
from genjax.models.attributes import AttributeClassifier
from genjax.report.figure import Row, save_figure
from genjax.terminal import result, say
from genjax.train.attributes import make_classifier, read_attributes
from genjax.train.build_prior import build_prior, build_transformer
from genjax.train.lock import locked
from genjax.train.metrics import read_metrics
from genjax.train.run_folder import write_bytes, write_json
from genjax.train.stage import Stage, encoded, run_stage
from genjax.train.stage_files import load_stage
from genjax.train.text_to_image import load_captioned, train_text_to_image
from genjax.train.text_to_image_model import TextToImage, is_text_to_image, load_text_to_image, parts_of
from genjax.tree import count

HEADS = ("glyph", "colour", "weight", "tilt")
SETS = {"trained": "glyphs:captioned", "held_out": "glyphs:captioned:held_out"}
NEW = 1  # seed of what is judged, where the split is that of the training's fonts: other images of them
PICTURED = (
    *("a bold red seven", "two small green threes", "a blue four, tilted left", "two yellow bold zeros"),
    *("a small purple two, tilted right", "a white eight"),
)


@dataclass(frozen=True)
class Experiment:
    """Trains and judges text to image, and image to text, on captioned glyphs."""

    kind: Literal["vq", "dvae"] = "vq"
    """Of the tokenizer."""
    seed: int = 0
    """Of everything random."""
    images: int = 8000
    """To train on."""
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
    captioner_steps: int = 2000
    """Updates of the captioner."""
    width: int = 128
    """Of the transformers."""
    depth: int = 4
    """Their blocks."""
    guidance: float = 2.0
    """Of both priors, when they are judged."""
    num: int = 600
    """Samples of each kind that are judged."""
    turns: int = 15
    """Of the timings."""
    runs: Path = Path("runs/text_to_image")
    """Folder of the models."""
    out: Path = Path("runs/text_to_image/results")
    """Folder of the results."""
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


def main(settings: Experiment) -> int:
    """Trains what is not trained yet, measures, writes and prints; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, **QUICK)
    began = time.monotonic()
    signal = train(settings)
    spent(settings, time.monotonic() - began)
    if signal is not None:
        return 128 + signal
    config = model_config(settings)
    model, data = load_text_to_image(config.out), load_captioned(config)
    figures = measure(settings, model, data)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "text_to_image.json", figures)
    text = markdown(figures)
    write_bytes(settings.out / "text_to_image.md", text.encode())
    picture(settings, model)
    result(text)
    return 0


def train(settings: Experiment) -> Signals | None:
    """Trains what is not trained yet, judges last; the signal that stopped it, or None."""
    config = model_config(settings)
    outcome = train_text_to_image(config, resume=is_text_to_image(config.out))
    if outcome.signal is not None:
        return outcome.signal
    model, data = load_text_to_image(config.out), load_captioned(config)
    judges = judges_of(settings)
    with locked(judges):
        for stage in (classifier_stage(settings, config), captioner_stage(settings, model, data)):
            signal = run_stage(judges, stage, seed=settings.seed, log_every=50, save_every=500)
            if signal is not None:
                return signal
    return None


def judges_of(settings: Experiment) -> Path:
    """Folder of classifier and captioner."""
    return settings.runs / f"judges-{settings.kind}-{settings.seed}"


def spent(settings: Experiment, seconds: float = 0.0) -> float:
    """Seconds that training took in all, over all starts; these are added."""
    path = settings.runs / f"seconds-{settings.kind}-{settings.seed}.json"
    total = seconds + (json.loads(path.read_text())["training"] if path.exists() else 0.0)
    write_json(path, {"training": total})
    return total


def model_config(settings: Experiment) -> TextToImageConfig:
    """What is trained."""
    small = settings.quick
    return TextToImageConfig(
        size=32,
        num_images=settings.images,
        batch=settings.batch,
        seed=settings.seed,
        tokenizer_steps=settings.tokenizer_steps,
        prior_steps=settings.prior_steps,
        masked_steps=settings.prior_steps,
        reranker_steps=settings.reranker_steps,
        out=settings.runs / f"{settings.kind}-{settings.seed}",
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


def classifier_of(settings: Experiment) -> AttributeClassifier:
    """The network that reads attributes."""
    heads = tuple((name, len(VALUES[name])) for name in HEADS)
    return AttributeClassifier(heads, 32, width=4 if settings.quick else 16)


def classifier_stage(settings: Experiment, config: TextToImageConfig) -> Stage:
    """The classifier, of all combinations, on images that neither trained a prior nor judge it."""
    data = load("glyphs:captioned:all", size=32, num=settings.images, seed=settings.seed + 1000)
    labels = {name: numbers(data, name) for name in HEADS}

    def batch(step: int) -> dict[str, np.ndarray]:
        rows = batch_indices(len(data), settings.batch, settings.seed, step)
        return {"image": data.images[rows]} | {name: values[rows] for name, values in labels.items()}

    learner = make_classifier(classifier_of(settings), optimizer=optax.adamw(1e-3))
    return Stage("classifier", learner, settings.classifier_steps, batch, settings.batch, {})


def numbers(data: Dataset, name: str) -> np.ndarray:
    """Of each image the number of its value of an attribute."""
    places = {value: place for place, value in enumerate(VALUES[name])}
    return np.array([places[value] for value in data.factors[name].tolist()], np.int32)


def captioner_config(settings: Experiment) -> PriorConfig:
    """The prior's transformer; only its text is predicted."""
    return dataclasses.replace(model_config(settings).prior, condition_weight=0.0, null_probability=0.0)


def captioner_stage(settings: Experiment, model: TextToImage, data: Dataset) -> Stage:
    """Image tokens before text: the same transformer, which writes captions."""
    text, tokens = model.segments
    arrays = {"text": model.vocabulary.encode(data.captions), "tokens": tokens_of(model, data)}

    def batch(step: int) -> dict[str, np.ndarray]:
        rows = batch_indices(len(data), settings.batch, settings.seed, step)
        return {name: values[rows] for name, values in arrays.items()}

    learner = build_prior(captioner_config(settings), (tokens, text))
    parts = parts_of(model.networks["tokenizer"], Path(model.config.out) / "vocabulary.json")
    return Stage("captioner", learner, settings.captioner_steps, batch, settings.batch, parts)


def tokens_of(model: TextToImage, data: Dataset) -> np.ndarray:
    """The image tokens of a set."""
    return encoded(model.codec.encode, model.networks["tokenizer"], data.images)


def measure(settings: Experiment, model: TextToImage, data: Dataset) -> dict[str, Any]:
    """All figures. Each is kept when it is found, and not found again."""
    parts = {
        "trained": functools.partial(training_figures, settings, model),
        "classifier": functools.partial(classifier_figures, settings, model),
        "samples": functools.partial(sample_figures, settings, model),
        "likelihood": functools.partial(likelihood_figures, settings, model, data),
        "captions": functools.partial(caption_figures, settings, model),
        "speed": functools.partial(speed_figures, settings, model),
    }
    folder = settings.runs / f"figures-{settings.kind}-{settings.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    asked = {name: str(value) for name, value in dataclasses.asdict(settings).items() if name != "out"}
    figures: dict[str, Any] = {"settings": asked, "training_seconds": spent(settings)}
    for name, find in parts.items():
        path = folder / f"{name}.json"
        if not path.exists() or json.loads(path.read_text())["settings"] != asked:
            say(f"measuring {name}")
            began = time.monotonic()
            found = find()
            write_json(path, {"settings": asked, "seconds": time.monotonic() - began, "figures": found})
        figures[name] = json.loads(path.read_text())["figures"]
    figures["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return figures


def training_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Parameters of each network, and what its training came to."""
    last = {
        name: read_metrics(Path(model.config.out) / name / "metrics.jsonl")[-1]
        for name in ("tokenizer", "prior", "masked", "reranker")
    }
    shown = ("loss/", "codebook/", "accuracy/")
    return {
        "parameters": {name: count(params) for name, params in model.networks.items()},
        "last": {name: {k: v for k, v in line.items() if k.startswith(shown)} for name, line in last.items()},
    }


def reader(settings: Experiment) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """uint8 images -> what the classifier sees in them."""
    params = load_stage(judges_of(settings), "classifier")["classifier"]
    return lambda images: read_attributes(classifier_of(settings), params, images, VALUES)


def classifier_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """How well the judge itself reads: new images of the training's fonts, other fonts, and what the tokens keep."""
    read, found = reader(settings), {}
    for where, spec in SETS.items():
        for split in ("train", "test"):
            real = load(spec, size=32, split=split, num=settings.num, seed=NEW)
            kept = decoded(model, tokens_of(model, real))
            found[f"{where}, {split} fonts"] = agreement(read(np.asarray(real.images)), real.factors)
            found[f"{where}, {split} fonts, through the tokenizer"] = agreement(read(kept), real.factors)
    return found


def decoded(model: TextToImage, tokens: np.ndarray) -> np.ndarray:
    """uint8 images of tokens."""
    decode = jax.jit(functools.partial(model.codec.decode, model.networks["tokenizer"]))
    return np.concatenate([to_uint8(decode(part)) for part in np.array_split(tokens, max(1, len(tokens) // 200))])


def sample_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Attributes and kernel distance of samples, of trained and held-out combinations, of each method."""
    read, extractor, found = reader(settings), load_extractor("embedded-v1"), {}
    for where, spec in SETS.items():
        real = load(spec, size=32, num=settings.num, seed=NEW)  # in the fonts that the prior has seen
        asked = [parse(caption) for caption in real.captions]
        wanted = {name: [getattr(attributes, name) for attributes in asked] for name in HEADS}
        for name, options in cases(settings).items():
            made = model.sample(real.captions, jax.random.key(settings.seed + 7), **options)
            records = evaluate_images(np.asarray(real.images), made.images, extractor=extractor, metrics=["kd"])
            distance = {"value": records[0].value, "interval": records[0].interval}
            found[f"{name}, {where}"] = {"shares": agreement(read(made.images), wanted), "kd": distance}
    return found


def cases(settings: Experiment) -> dict[str, dict[str, Any]]:
    """Ways of sampling that are judged."""
    guided, plain = DecodingConfig(guidance=settings.guidance), DecodingConfig()
    parallel = DecodingConfig(guidance=settings.guidance, steps=10)
    return {
        "autoregressive": {"decoding": guided, "candidates": 1},
        "autoregressive, no guidance": {"decoding": plain, "candidates": 1},
        "autoregressive, best of 8": {"decoding": guided, "candidates": 8},
        "parallel in 10": {"decoding": parallel, "candidates": 1, "method": "parallel"},
        "parallel in 10, best of 8": {"decoding": parallel, "candidates": 8, "method": "parallel"},
    }


def likelihood_figures(settings: Experiment, model: TextToImage, data: Dataset) -> dict[str, Any]:
    """Nats of the image tokens of an image given its caption, against counts of the training set."""
    learner, codes = build_prior(model.config.prior, model.segments), model.config.tokenizer.codes
    if learner.target_nats is None:
        raise ValueError("this prior has no likelihood")
    nats_of = jax.jit(functools.partial(learner.target_nats, {"prior": model.networks["prior"]}, {"prior": ()}))
    train, found = tokens_of(model, data), {}
    for where, spec in SETS.items():
        for split in ("train", "test"):
            judged = load(spec, size=32, split=split, num=settings.num, seed=NEW)
            tokens, text = tokens_of(model, judged), model.vocabulary.encode(judged.captions)
            parts = np.array_split(np.arange(len(tokens)), max(1, len(tokens) // 100))
            nats = np.concatenate([nats_of({"text": text[rows], "tokens": tokens[rows]}) for rows in parts])
            found[f"{where}, {split} fonts"] = {
                "prior": interval_of(nats),
                "unigram": interval_of(unigram_nats(train, tokens, codes)),
                "unigram of each place": interval_of(placed_unigram_nats(train, tokens, codes)),
            }
    return found


def interval_of(values: np.ndarray) -> Share:
    """Mean, and the ends of its 95 % interval."""
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def caption_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Captions that the swapped transformer writes, the likeliest word at a time: attributes said as they are."""
    text, tokens = model.segments
    decoder = autoregressive_decoder(
        build_transformer(captioner_config(settings), (tokens, text)), DecodingConfig(temperature=0.0)
    )
    params = load_stage(judges_of(settings), "captioner")["prior"]
    write, found = jax.jit(functools.partial(decoder.decode, params)), {}
    for where, spec in SETS.items():
        for split in ("train", "test"):
            real = load(spec, size=32, split=split, num=settings.num, seed=NEW)
            seen, rows = tokens_of(model, real), []
            for part in np.array_split(seen, max(1, len(seen) // 100)):
                rows.append(np.asarray(write((part,), jnp.zeros((len(part), decoder.uniforms)))))
            said = [understood(caption) for caption in model.vocabulary.decode(np.concatenate(rows))]
            read = {name: [getattr(one, name, None) for one in said] for name in VALUES}
            grammatical = wilson(sum(one is not None for one in said), len(said))
            found[f"{where}, {split} fonts"] = agreement(read, real.factors) | {"grammatical": grammatical}
    return found


def understood(caption: str) -> Any:
    """What a caption says, or None where it is not of the grammar."""
    try:
        return parse(caption)
    except InputError:
        return None


def speed_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Milliseconds of one image from text to pixels, and tokens a second with a cache and without."""
    text, uniform = jnp.asarray(model.vocabulary.encode(PICTURED[:1])), jax.random.key(0)
    runs: dict[str, Callable[[], Any]] = {}
    for name, method, decoding in (
        ("autoregressive", "autoregressive", DecodingConfig()),
        ("autoregressive, guided", "autoregressive", DecodingConfig(guidance=settings.guidance)),
        ("parallel in 10", "parallel", DecodingConfig(steps=10)),
        ("parallel in 10, guided", "parallel", DecodingConfig(steps=10, guidance=settings.guidance)),
    ):
        decoder, draw = model.drawer(method, decoding)
        runs[name] = functools.partial(draw, model.networks, text, jax.random.uniform(uniform, (1, decoder.uniforms)))
    transformer, batches = build_transformer(model.config.prior, model.segments), (1, 16)
    for batch in batches:
        for name, cached in (("cached", True), ("uncached", False)):
            decoder = autoregressive_decoder(transformer, DecodingConfig(), cached=cached)
            uniforms = jax.random.uniform(uniform, (batch, decoder.uniforms))
            decode = jax.jit(decoder.decode)
            given = (jnp.repeat(text, batch, axis=0),)
            runs[f"{name}, {batch}"] = functools.partial(decode, model.networks["prior"], given, uniforms)
    times, length = take_turns(runs, settings.turns), model.segments[1].length
    return {
        "milliseconds": {name: 1e3 * statistics.median(taken) for name, taken in times.items()},
        "tokens_per_second": {
            name: int(name.split(", ")[1]) * length / statistics.median(times[name])
            for name in times
            if "cached" in name
        },
        "cached_times_as_fast": {
            batch: ratio(times[f"uncached, {batch}"], times[f"cached, {batch}"]) for batch in batches
        },
        "parallel_times_as_fast": ratio(times["autoregressive"], times["parallel in 10"]),
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


def picture(settings: Experiment, model: TextToImage) -> None:
    """Rows of captions, the last of a combination that was never trained; columns of samples, best of 8."""
    never = load(SETS["held_out"], size=32, num=60, seed=settings.seed).captions
    texts = (*PICTURED, next(text for text in never if text.startswith("a") and "bold" in text))
    columns = 4 if settings.quick else 20
    made = model.sample(
        [text for text in texts for _ in range(columns)],
        jax.random.key(settings.seed),
        candidates=8,
        decoding=DecodingConfig(guidance=settings.guidance),
    )
    titles = [f"{text} (a combination that was never trained)" if is_held_out(text) else text for text in texts]
    rows = [Row(title, made.images[columns * i : columns * (i + 1)]) for i, title in enumerate(titles)]
    save_figure(settings.out / "text_to_image.png", "Text to image: best of 8", rows)


def is_held_out(text: str) -> bool:
    """Whether a text asks for a combination that no training has seen."""
    asked = parse(text)
    return Combination(asked.glyph, asked.colour, asked.weight, asked.tilt) in held_out_combinations()


def markdown(figures: dict[str, Any]) -> str:
    """The tables of the report."""
    num = figures["settings"]["num"]
    lines = [f"Text to image on captioned glyphs, {num} images of each kind; shares with their 95 % intervals.", ""]
    samples = {name: row["shares"] for name, row in figures["samples"].items()}
    lines += share_table("samples read as asked", samples, (*HEADS, "all"))
    lines += ["| best of 8 against the first one, points of `all` | lift | 95 % interval |", "|---|---|---|"]
    for name in [name.replace(", best of 8", "") for name in samples if "best of 8" in name]:
        method, where = name.split(", ")
        lift = difference(samples[f"{method}, best of 8, {where}"]["all"], samples[name]["all"])
        lines.append("| {} | {:+.1f} | {:+.1f} .. {:+.1f} |".format(name, *(100 * value for value in lift)))
    lines += ["", "| kernel distance to new images in the same fonts | value | 95 % interval |", "|---|---|---|"]
    for name, row in figures["samples"].items():
        low_high = row["kd"]["interval"]
        shown = "" if low_high is None else "{:.4f} .. {:.4f}".format(*low_high)
        lines.append(f"| {name} | {row['kd']['value']:.4f} | {shown} |")
    lines += ["", *share_table("the classifier on real images", figures["classifier"], (*HEADS, "all"))]
    lines += share_table("captions that say what is seen", figures["captions"], (*VALUES, "all", "grammatical"))
    lines += ["| nats of 64 image tokens | prior | unigram | unigram of each place |", "|---|---|---|---|"]
    for name, row in figures["likelihood"].items():
        lines.append(
            f"| {name} | " + " | ".join(f"{v:.1f} ({low:.1f}, {high:.1f})" for v, low, high in row.values()) + " |"
        )
    speed = figures["speed"]
    lines += ["", f"| on {speed['cores']} cores, load {speed['load']:.1f} | ms |", "|---|---|"]
    lines += [f"| {name} | {taken:.1f} |" for name, taken in speed["milliseconds"].items()]
    lines += ["", "| how many times as fast, turn by turn | median (lowest, highest) |", "|---|---|"]
    for batch, found in speed["cached_times_as_fast"].items():
        lines.append(f"| cached against uncached, {batch} at once | {_ratio(found)} |")
    lines.append(f"| parallel in 10 against autoregressive, one image | {_ratio(speed['parallel_times_as_fast'])} |")
    parameters = ", ".join(f"{name} {n:,}" for name, n in figures["trained"]["parameters"].items())
    minutes, memory = figures["training_seconds"] / 60, figures["peak_memory_gib"]
    lines += ["", f"Parameters: {parameters}."]
    lines += [f"Training of everything took {minutes:.0f} minutes; the process had {memory:.2f} GiB at most."]
    return "\n".join(lines) + "\n"


def share_table(title: str, rows: dict[str, dict[str, Share]], columns: Sequence[str]) -> list[str]:
    """A table of shares in per cent."""
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, shares in rows.items():
        cells = [f"{100 * v:.1f} ({100 * low:.1f}, {100 * high:.1f})" for v, low, high in (shares[c] for c in columns)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _ratio(found: dict[str, float]) -> str:
    return "{median:.1f} ({low:.1f}, {high:.1f})".format(**found)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Experiment, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
