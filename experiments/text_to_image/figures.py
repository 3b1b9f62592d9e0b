"""Figures of the text-to-image experiment, each against something that is independent of the model."""

import dataclasses
import functools
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.calls import waiting
from experiments.common.timing import in_turns, ratio
from experiments.text_to_image.adaptation import adaptation_figures
from experiments.text_to_image.judges import load_judge
from experiments.text_to_image.pace import pace_figures
from experiments.text_to_image.settings import (
    HEADS,
    NEW,
    PICTURED,
    SETS,
    Experiment,
    captioner_config,
    classifier_of,
    judges_of,
    run_config,
    tokens_of,
)
from genjax.data import Dataset, load, to_uint8
from genjax.data.glyphs.captions import VALUES, parse
from genjax.errors import InputError
from genjax.evaluate import evaluate_images, load_extractor
from genjax.evaluate.attribute_classifier import read_attributes
from genjax.evaluate.attributes import Share, agreement, wilson
from genjax.evaluate.metrics.of_models.unigram import placed_unigram_nats, unigram_nats
from genjax.families.text_to_image.build_prior import build_transformer
from genjax.families.text_to_image.decoding import autoregressive_decoder
from genjax.families.text_to_image.model import TextToImage
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.families.text_to_image.stages import segments_of
from genjax.store.metrics import read_metrics
from genjax.store.run_folder import write_json
from genjax.terminal import say
from genjax.tree import count

ELSEWHERE = ("out", "parts", "combine")  # settings on which no figure depends


def measure(settings: Experiment, model: TextToImage, data: Dataset) -> dict[str, Any]:
    """Measures all figures; each is stored when it is found, and not computed again."""
    folder = settings.runs / f"figures-{settings.kind}-{settings.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[], Any]] = {
        "trained": functools.partial(training_figures, settings, model),
        "classifier": functools.partial(classifier_figures, settings, model),
        "samples": functools.partial(sample_figures, settings, model),
        "likelihood": functools.partial(likelihood_figures, settings, model, data),
        "captions": functools.partial(caption_figures, settings, model),
        "speed": functools.partial(speed_figures, settings, model),
        "pace": functools.partial(pace_figures, settings, model, data),
        "adaptation": functools.partial(adaptation_figures, settings, model, folder),
    }
    asked = {name: str(value) for name, value in dataclasses.asdict(settings).items() if name not in ELSEWHERE}
    asked["judged_seed"] = str(NEW)
    figures: dict[str, Any] = {"settings": asked, "training_seconds": spent(settings)}
    for name in settings.parts:
        path = folder / f"{name}.json"
        if not path.exists() or json.loads(path.read_text())["settings"] != asked:
            say(f"measuring {name}")
            began = time.monotonic()
            found = parts[name]()
            write_json(path, {"settings": asked, "seconds": time.monotonic() - began, "figures": found})
        figures[name] = json.loads(path.read_text())["figures"]
    figures["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return figures


def spent(settings: Experiment, seconds: float = 0.0) -> float:
    """Adds to the seconds that training took over all starts; returns the sum."""
    path = settings.runs / f"seconds-{settings.kind}-{settings.seed}.json"
    total = seconds + (json.loads(path.read_text())["training"] if path.exists() else 0.0)
    write_json(path, {"training": total})
    return total


def training_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Counts the parameters of each network, and reads its last losses."""
    last = {
        name: read_metrics(run_config(settings).out / name / "metrics.jsonl")[-1]
        for name in ("tokenizer", "prior", "masked", "reranker")
    }
    shown = ("loss/", "codebook/", "accuracy/")
    return {
        "parameters": {name: count(params) for name, params in model.networks.items()},
        "last": {name: {k: v for k, v in line.items() if k.startswith(shown)} for name, line in last.items()},
    }


def reader(settings: Experiment) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Makes a function from uint8 images to the attributes that the classifier reads."""
    params = load_judge(judges_of(settings), "classifier")
    return lambda images: read_attributes(classifier_of(settings), params, images, VALUES)


def classifier_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Tests the judge itself: on new images of the training's fonts, on other fonts, and through the tokenizer."""
    read, found = reader(settings), {}
    for where, spec in SETS.items():
        for split in ("train", "test"):
            real = load(spec, size=32, split=split, num=settings.num, seed=NEW)
            kept = decoded(model, tokens_of(model, real))
            found[f"{where}, {split} fonts"] = agreement(read(np.asarray(real.images)), real.factors)
            found[f"{where}, {split} fonts, through the tokenizer"] = agreement(read(kept), real.factors)
    return found


def decoded(model: TextToImage, tokens: np.ndarray) -> np.ndarray:
    """Decodes tokens to uint8 images."""
    decode = jax.jit(functools.partial(model.codec.decode, model.networks["tokenizer"]))
    return np.concatenate([to_uint8(decode(part)) for part in np.array_split(tokens, max(1, len(tokens) // 200))])


def sample_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Judges samples of each method by attributes and kernel distance, on trained and held-out combinations."""
    read, extractor, found = reader(settings), load_extractor("embedded-v1"), {}
    for where, spec in SETS.items():
        real = load(spec, size=32, num=settings.num, seed=NEW)  # in the fonts that the prior has seen
        asked = [parse(caption) for caption in real.captions]
        wanted = {name: [getattr(attributes, name) for attributes in asked] for name in HEADS}
        for name, options in cases(settings).items():
            made = model.sample(real.captions, jax.random.key(settings.seed + 7), **options)
            about = {"extractor": extractor, "metrics": ["kd"], "data": spec, "split": "train"}
            (distance,) = evaluate_images(np.asarray(real.images), made.images, **about)
            found[f"{name}, {where}"] = {"shares": agreement(read(made.images), wanted), "kd": distance.to_json()}
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
    """Measures the nats of an image's tokens given its caption, against counts of the training set."""
    train, codes, found = tokens_of(model, data), model.options.tokenizer.codes, {}
    for where, spec in SETS.items():
        for split in ("train", "test"):
            judged = load(spec, size=32, split=split, num=settings.num, seed=NEW)
            tokens = tokens_of(model, judged)
            found[f"{where}, {split} fonts"] = {
                "prior": interval_of(model.token_nats(tokens, judged.captions)),
                "unigram": interval_of(unigram_nats(train, tokens, codes)),
                "unigram of each place": interval_of(placed_unigram_nats(train, tokens, codes)),
            }
    return found


def interval_of(values: np.ndarray) -> Share:
    """Computes the mean, and the ends of its 95 % interval."""
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def caption_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Judges captions that the swapped transformer writes, the likeliest word at a time, by their attributes."""
    text, tokens = segments_of(model.config)
    decoder = autoregressive_decoder(
        build_transformer(captioner_config(settings), (tokens, text)), DecodingConfig(temperature=0.0)
    )
    params = load_judge(judges_of(settings), "captioner")
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
    """Parses a caption; None where it is not of the grammar."""
    try:
        return parse(caption)
    except InputError:
        return None


def speed_figures(settings: Experiment, model: TextToImage) -> dict[str, Any]:
    """Times one image from text to pixels, and decoding with a cache and without."""
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
    segments = segments_of(model.config)
    transformer = build_transformer(model.options.prior, segments)
    batches = (1,) if settings.quick else (1, 16)
    for batch in batches:
        for name, cached in (("cached", True), ("uncached", False)):
            decoder = autoregressive_decoder(transformer, DecodingConfig(), cached=cached)
            uniforms = jax.random.uniform(uniform, (batch, decoder.uniforms))
            decode = jax.jit(decoder.decode)
            given = (jnp.repeat(text, batch, axis=0),)
            runs[f"{name}, {batch}"] = functools.partial(decode, model.networks["prior"], given, uniforms)
    times = in_turns({name: waiting(run) for name, run in runs.items()}, turns=settings.turns, pause=0.0)
    length = segments[1].length
    return {
        "milliseconds": {name: 1e3 * statistics.median(taken) for name, taken in times.items()},
        "tokens_per_second": {
            name: int(name.split(", ")[1]) * length / statistics.median(times[name])
            for name in times
            if "cached" in name
        },
        "cached_times_as_fast": {
            batch: ratio(times[f"uncached, {batch}"], times[f"cached, {batch}"])._asdict() for batch in batches
        },
        "parallel_times_as_fast": ratio(times["autoregressive"], times["parallel in 10"])._asdict(),
        "device": jax.devices()[0].device_kind,
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }
