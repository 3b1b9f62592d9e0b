"""The stages of a text-to-image model: tokenizer, image tokens, priors, reranker. (DALL-E, Ramesh et al. 2021)"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.control import Controllable, Controller, learning_rate_annealing
from genjax.control.controller import joined, without_annealing
from genjax.control.registry import only_set
from genjax.data import Dataset
from genjax.data.batches import Columns
from genjax.data.captioned import require_captions
from genjax.families import conditions
from genjax.families.chunks import in_chunks
from genjax.families.family import Preview, Stage, Training, image_example
from genjax.families.learner import Batch, Learner, Networks
from genjax.families.model import ModelConfig
from genjax.families.one_network import knobs_of, signals_of
from genjax.families.render import CHUNK, draw_latents
from genjax.families.text import Vocabulary
from genjax.families.text_to_image.build_prior import build_prior, build_reranker
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.tokenizers.build import build_codec, build_tokenizer, measured_of_tokenizer
from genjax.families.text_to_image.tokenizers.learner import Codec
from genjax.models.segments import Segment
from genjax.terminal import say
from genjax.tree import Tree, count

LABEL = "text-to-image model"
PRIORS = {"prior": "autoregressive", "masked": "masked"}  # {network: what it is trained for}


def stage_networks(model: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Returns {stage: its networks}, in the order of training: each stage trains the network of its own name."""
    return {name: (name,) for name, steps in stage_steps(model.options).items() if steps}


def stage_steps(options: TextToImageConfig) -> dict[str, int]:
    """Returns {stage: its steps}, in the order of training; one of none is not there."""
    return {name: getattr(options, f"{name}_steps") for name in ("tokenizer", "prior", "masked", "reranker")}


def vocabulary_of(model: ModelConfig) -> Vocabulary:
    """Returns the vocabulary of a model's texts."""
    return conditions.vocabulary_of(model.condition)


def segments_of(model: ModelConfig) -> tuple[Segment, Segment]:
    """Returns the segments that the priors read: text, then image tokens."""
    vocabulary, tokenizer = vocabulary_of(model), model.options.tokenizer
    return (
        Segment("text", vocabulary.length, vocabulary.numbers),
        Segment("tokens", tokenizer.grid**2, tokenizer.codes, columns=tokenizer.grid),
    )


def codec_of(model: ModelConfig) -> Codec:
    """Returns the functions from images to tokens and back."""
    return build_codec(model.options.tokenizer, size=model.size, channels=model.channels, dtype=jnp.dtype(model.dtype))


def measured_stages(model: ModelConfig) -> dict[str, Controllable]:
    """Returns {stage: signals that it measures and knobs that it obeys, less the rate, which stages anneal}."""
    found = {}
    for name in stage_networks(model):
        if name == "tokenizer":
            found[name] = measured_of_tokenizer(model.options.tokenizer)
        else:
            found[name] = Controllable(LABEL, signals_of(name), knobs_of(name), (name,))
    return {name: without_annealing(one) for name, one in found.items()}


def build_stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
    """Builds the stages of a model, in the order of training.

    Args:
        model: its networks, with the vocabulary of its texts.
        how: settings of its training. An adaptation keeps the tokenizer and the reranker, unless it trains the first.
    Raises:
        InputError: settings that a network refuses, or a controller that fits no stage.
    """
    steps, example = stage_steps(model.options), example_of(model)
    if how.adaptation is not None:
        steps |= {"tokenizer": how.adaptation.tokenizer_steps, "reranker": 0}
        # A network that is not trained is kept whole, so that it needs no source.
        how = how._replace(transfers={name: one for name, one in how.transfers.items() if steps[name]})
    learners = build_learners(model, how)
    codec, vocabulary = codec_of(model), vocabulary_of(model)

    known: dict[int, np.ndarray] = {}  # both priors read the same tokens

    def sequences(dataset: Dataset, finished: Networks) -> Columns:
        if id(dataset) not in known:
            known[id(dataset)] = tokens_of(codec, finished["tokenizer"], dataset)
        return {"text": conditions.column_of(model.condition, dataset)["text"], "tokens": known[id(dataset)]}

    found = {
        "tokenizer": (("image",), lambda dataset, finished: {"image": dataset.images}, reconstructions, ()),
        "prior": (("text", "tokens"), sequences, drawn_texts(codec, vocabulary), ("tokenizer",)),
        "masked": (("text", "tokens"), sequences, drawn_texts(codec, vocabulary), ("tokenizer",)),
        "reranker": (
            ("image", "text"),
            lambda dataset, finished: {
                "image": dataset.images,
                "text": vocabulary.encode_padded(require_captions(dataset, empty=True)),
            },
            None,
            (),
        ),
    }
    return tuple(
        Stage(
            name,
            learner,
            steps[name],
            {part: example[part] for part in parts},
            columns,
            preview and preview(learner),
            needs,
            stream=index,
        )
        for index, (name, learner) in enumerate(learners.items())
        for parts, columns, preview, needs in [found[name]]
    )


def build_learners(model: ModelConfig, how: Training) -> dict[str, Learner]:
    """Builds {stage: learner}, in the order of training. Arguments and errors as in `build_stages`."""
    options: TextToImageConfig = model.options
    text, tokens = segments_of(model)
    dtype, scale = jnp.dtype(model.dtype), how.learning_rate_scale
    shared: dict[str, Any] = {"dtype": dtype, "learning_rate_scale": scale, "accumulate": how.accumulate}
    # Learning rates fall to the end of a stage's steps.
    settled = dataclasses.replace(options.tokenizer, learning_rate_steps=options.tokenizer_steps)
    if not isinstance(how.control, Controller):  # GECO and ADA are on by default for a VAE and a GAN, not for these
        how = how._replace(control=only_set(how.control))
    measured = measured_stages(model)
    among = joined(LABEL, list(measured.values()))
    found = {
        "tokenizer": build_tokenizer(
            settled,
            size=model.size,
            channels=model.channels,
            images_per_epoch=how.images,
            transfer=how.transfers.get("tokenizer"),
            controller=how.controller(measured["tokenizer"], among=among),
            **shared,
        )
    }
    for name, objective in PRIORS.items():
        steps = stage_steps(options)[name]
        if steps:
            prior = dataclasses.replace(options.prior, objective=objective)
            own: Sequence[Controller] = [learning_rate_annealing(steps)]
            controller = how.controller(measured[name], own, among)
            found[name] = build_prior(
                prior, (text, tokens), controller=controller, transfer=how.transfers.get(name), **shared
            )
    if options.reranker_steps:
        controller = how.controller(measured["reranker"], among=among)
        found["reranker"] = build_reranker(
            options.reranker,
            text,
            size=model.size,
            controller=controller,
            transfer=how.transfers.get("reranker"),
            **shared,
        )
    return found


def example_of(model: ModelConfig) -> Batch:
    """Returns a batch of one row with all columns that a stage may read."""
    text, tokens = segments_of(model)
    return {
        **image_example(model),
        "text": np.zeros((1, text.length), np.int32),
        "tokens": np.zeros((1, tokens.length), np.int32),
    }


def tokens_of(codec: Codec, params: Tree, dataset: Dataset) -> np.ndarray:
    """Returns the image tokens of a set, int32 (n, places), found once."""
    say(f"tokens   of {len(dataset)} images, by a tokenizer of {count(params):,} parameters")
    return encoded(codec, params, dataset.images)


def encoded(codec: Codec, params: Tree, images: Any) -> np.ndarray:
    """Returns the tokens of uint8 images (n, h, w, c), or of what decodes them when indexed: int32 (n, places)."""
    encode = jax.jit(lambda some: codec.encode(params, some))
    return in_chunks(encode, images, chunk=CHUNK).astype(np.int32)


def reconstructions(learner: Learner) -> Callable[[Dataset, Networks, Array, int], Preview]:
    """Returns the preview of a tokenizer: real images through it and back."""
    encoder = learner.encoder
    if encoder is None:
        raise ValueError("a tokenizer encodes")
    return lambda shown, finished, key, n: Preview(jnp.asarray(shown.images[: min(n, len(shown))]), encoder.reconstruct)


def drawn_texts(codec: Codec, vocabulary: Vocabulary) -> Callable[[Learner], Callable[..., Preview]]:
    """Returns the previews of priors: images of the captions that the vocabulary can read, in turn."""

    def preview_of(learner: Learner) -> Callable[[Dataset, Networks, Array, int], Preview]:
        latents = learner.latents
        if latents is None:
            raise ValueError("a prior draws tokens")

        def preview(shown: Dataset, finished: Networks, key: Array, n: int) -> Preview:
            captions = [shown.captions[place] for place in vocabulary.readable(shown.captions)]
            texts = vocabulary.encode([captions[index % len(captions)] for index in range(n)])
            params = finished["tokenizer"]

            def make(networks: Networks, context: Networks, inputs: dict[str, Array]) -> Array:
                tokens = latents.generate(networks, context, inputs["latents"], inputs["text"])
                return codec.decode(params, tokens)

            return Preview({"latents": draw_latents(learner, key, n), "text": jnp.asarray(texts)}, make)

        return preview

    return preview_of
