"""The family of text-to-image models: a discrete autoencoder, transformers over its tokens, a reranker."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from genjax.control import Controllable
from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.conditions import text_condition
from genjax.families.family import Family, Trained, by_choice
from genjax.families.model import Condition, Model, ModelConfig
from genjax.families.one_network import knobs_of, signals_of
from genjax.families.text_to_image.model import text_to_image
from genjax.families.text_to_image.options import (
    TextToImageAdaptation,
    TextToImageConfig,
    TextToImageDrawing,
    check_typed,
)
from genjax.families.text_to_image.stages import LABEL, build_stages, stage_networks, stage_steps, vocabulary_of
from genjax.families.text_to_image.tokenizers import dvae, vq
from genjax.transfer import Transfer, freeze, full
from genjax.transfer.transfer import Offer

KEPT_OF_TOKENIZER = ("encoder/*", "codebook")  # in an adaptation: the tokens that the priors know are theirs
FIRST_BLOCK = ("embed_*", "block_0/*")  # of a prior: what `freeze` keeps unless told otherwise
TABLES = ("embed_*",)  # of words and tokens, of which few texts say each: what `lora` leaves as it is

MEASURED = Controllable(
    LABEL,
    tuple(dict.fromkeys([*signals_of("prior"), *vq.SIGNALS, *dvae.SIGNALS])),
    tuple(dict.fromkeys([*knobs_of("prior"), *vq.KNOBS, *dvae.KNOBS])),
    ("prior",),
)


def _offers(model: ModelConfig) -> dict[str, Offer]:
    prior = Offer(evidence=True, freeze=FIRST_BLOCK, whole=TABLES)
    found = {"tokenizer": Offer(), "prior": prior, "masked": prior, "reranker": Offer()}
    return {network: found[network] for network in stage_networks(model)}


def _transfers(model: ModelConfig, choice: Sequence[Any], offers: Mapping[str, Offer]) -> dict[str, Transfer]:
    """Builds the chosen transfers for the priors; of the tokenizer an adaptation trains the decoder at most."""
    priors = {network: offer for network, offer in offers.items() if network in ("prior", "masked")}
    built = by_choice(model, choice, priors)
    return {
        network: built.get(network, freeze(KEPT_OF_TOKENIZER) if network == "tokenizer" and choice else full())
        for network in offers
    }


def _condition(kind: str, options: TextToImageConfig, dataset: Dataset) -> Condition:
    """Makes the vocabulary of a set's captions."""
    return text_condition(dataset, kind=options.text, length=options.text_length, size=options.text_size)


def _adapted(model: ModelConfig, adaptation: TextToImageAdaptation, images: int) -> ModelConfig:
    """Describes an adapted model in the terms of one that was trained."""
    source: TextToImageConfig = model.options
    if adaptation.masked_steps and not source.masked_steps:
        raise InputError(f"--masked-steps {adaptation.masked_steps}: the source has no masked prior. Leave it out.")
    warm_up = min(source.prior.warm_up_steps, adaptation.prior_steps // 10)
    options = dataclasses.replace(
        source,
        tokenizer=dataclasses.replace(source.tokenizer, learning_rate=adaptation.learning_rate),
        prior=dataclasses.replace(source.prior, learning_rate=adaptation.learning_rate, warm_up_steps=warm_up),
        tokenizer_steps=adaptation.tokenizer_steps or source.tokenizer_steps,
        prior_steps=adaptation.prior_steps,
        masked_steps=adaptation.masked_steps,
    )
    return dataclasses.replace(model, options=options)


def _trained(model: Model) -> Trained:
    drawer, options, vocabulary = text_to_image(model), model.config.options, vocabulary_of(model.config)

    def draw(key: Array, n: int, texts: Sequence[str] | None, drawing: Any) -> np.ndarray:
        if texts is None:
            raise InputError('this model draws what a text says. Say it with --text, such as --text "a red seven".')
        chosen = drawing if isinstance(drawing, TextToImageDrawing) else TextToImageDrawing(candidates=1)
        return drawer.sample(
            texts, key, candidates=chosen.candidates, method=chosen.method, decoding=chosen.decoding
        ).images

    steps = ", ".join(f"{name} {number:,}" for name, number in stage_steps(options).items() if number)
    return Trained(
        draw=draw,
        reconstruct=drawer.reconstruct,
        there_and_back="through the tokenizer",
        tokens=drawer.tokens,
        token_nats=drawer.token_nats,
        codes=options.tokenizer.codes,
        facts=(
            ("Texts", f"{vocabulary.kind}: {vocabulary.summary}"),
            ("Tokens of an image", f"{options.tokenizer.grid**2} of {options.tokenizer.codes}"),
            ("Steps of the stages", steps),
        ),
    )


TEXT_TO_IMAGE = Family(
    name="text2image",
    label=LABEL,
    options=TextToImageConfig,
    measured=MEASURED,
    offers=_offers,
    stage_networks=stage_networks,
    stages=build_stages,
    trained=_trained,
    functions=("reconstruct", "tokens", "token_nats"),
    condition=_condition,
    conditions=("text",),
    defaults={"data": "glyphs", "size": 32, "out": Path("runs/text2image")},
    adaptation=TextToImageAdaptation,
    adapt_defaults={"data": "digits:captioned", "source": Path("runs/text2image"), "transfer": "lora"},
    adapted=_adapted,
    transfers=_transfers,
    check_typed=check_typed,
    sampling=TextToImageDrawing,
)
