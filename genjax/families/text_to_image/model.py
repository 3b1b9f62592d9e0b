"""A trained text-to-image model: sentences to tokens, tokens to tokens, tokens to images, and the best of several."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.prior import DecodingConfig, Segment
from genjax.config.text_to_image import TextToImageConfig
from genjax.control import learning_rate_annealing
from genjax.data.images import to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.learner import Learner, Networks
from genjax.families.text_to_image.build_prior import build_prior, build_reranker, build_transformer
from genjax.families.text_to_image.build_tokenizer import build_codec, build_tokenizer
from genjax.families.text_to_image.decoding import Decoder, autoregressive_decoder, best_of, parallel_decoder, repeated
from genjax.families.text_to_image.text import Vocabulary, dump_vocabulary, load_vocabulary
from genjax.families.text_to_image.text.files import to_json
from genjax.families.text_to_image.tokenizer import Codec
from genjax.json_config import from_json
from genjax.store.run_folder import RunFolder, read_config, write_bytes
from genjax.store.stage_files import load_stage
from genjax.training.stage import parameters
from genjax.transfer import Transfer
from genjax.tree import Tree, content_hash

CHUNK = 64  # sequences that are decoded at once
VOCABULARY = "vocabulary.json"
DECODERS = {"autoregressive": ("prior", autoregressive_decoder), "parallel": ("masked", parallel_decoder)}

Draw = Callable[[Networks, Array, Array], tuple[Array, Array]]  # (networks, text, uniforms) -> images and scores


class Sampled(NamedTuple):
    """What was made of texts.

    Attributes:
        images: uint8 (n, h, w, c).
        scores: float32 (n,), how well each fits its text by the reranker, a cosine; not a number without one.
    """

    images: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class TextToImage:
    """All parts of a model, ready to be sampled from.

    Attributes:
        config: it was trained by.
        channels: of its images.
        vocabulary: of its texts.
        networks: {stage: parameters}: tokenizer and prior, and masked and reranker where they were trained.
    """

    config: TextToImageConfig
    channels: int
    vocabulary: Vocabulary
    networks: Networks
    _compiled: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def codec(self) -> Codec:
        """Images to tokens and back."""
        return build_codec(self.config.tokenizer, size=self.config.size, channels=self.channels)

    @property
    def segments(self) -> tuple[Segment, Segment]:
        """Text, then image tokens."""
        return segments_of(self.config, self.vocabulary)

    def sample(
        self,
        texts: Sequence[str],
        key: Array,
        *,
        candidates: int = 8,
        method: str = "autoregressive",
        decoding: DecodingConfig | None = None,
    ) -> Sampled:
        """One image of each text, the best of some candidates by the reranker.

        Args:
            texts: any number, of any lengths up to the vocabulary's.
            key: of what is drawn. The image of a text does not depend on how many others there are.
            candidates: of each text; 1 does without the reranker's choice.
            method: autoregressive, or parallel with the masked prior.
            decoding: temperature and the like; None is the default.
        Raises:
            InputError: a text that the vocabulary cannot say, no candidate, settings that the tokens do not allow, or
                a prior or reranker that was not trained.
        """
        if candidates < 1:
            raise InputError(f"--candidates {candidates} were asked for. Use 1 or more.")
        if candidates > 1 and "reranker" not in self.networks:
            raise InputError("this model has no reranker to choose among candidates. Use --candidates 1.")
        tokens = self.vocabulary.encode(texts)
        decoder, draw = self.drawer(method, decoding or DecodingConfig())
        keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(len(tokens)))
        uniforms = jax.vmap(lambda key: jax.random.uniform(key, (candidates, decoder.uniforms)))(keys)
        rows, uniforms = repeated(jnp.asarray(tokens), candidates), uniforms.reshape(-1, decoder.uniforms)
        images, scores = in_chunks(functools.partial(draw, self.networks), rows, uniforms, chunk=CHUNK)
        chosen = np.asarray(best_of(jnp.arange(len(scores)), jnp.asarray(scores), candidates))
        return Sampled(to_uint8(images[chosen]), scores[chosen])

    def drawer(self, method: str, decoding: DecodingConfig) -> tuple[Decoder, Draw]:
        """How images are drawn by a method: a decoder, and a compiled function that is kept.

        Raises:
            InputError: no such method, no such prior, or settings that the tokens do not allow.
        """
        if method not in DECODERS:
            raise InputError(f"--method {method} is not one of {', '.join(DECODERS)}.")
        network, make = DECODERS[method]
        if network not in self.networks:
            raise InputError("this model has no masked prior. Train with --masked-steps, or use autoregressive.")
        if (method, decoding) not in self._compiled:
            objective = "masked" if network == "masked" else "autoregressive"
            prior = dataclasses.replace(self.config.prior, objective=objective)
            decoder = make(build_transformer(prior, self.segments), decoding)
            self._compiled[method, decoding] = decoder, jax.jit(self._draw(network, decoder))
        return self._compiled[method, decoding]

    def _draw(self, network: str, decoder: Decoder) -> Draw:
        codec = self.codec
        ranked = "reranker" in self.networks
        score = reranker_score(self.config, self.segments[0]) if ranked else None

        def draw(networks: Networks, text: Array, uniforms: Array) -> tuple[Array, Array]:
            images = codec.decode(networks["tokenizer"], decoder.decode(networks[network], (text,), uniforms))
            if score is None:
                return images, jnp.full(len(images), jnp.nan)
            return images, score(networks["reranker"], images, text)

        return draw


def reranker_score(config: TextToImageConfig, text: Segment) -> Callable[[Tree, Array, Array], Array]:
    """(parameters, images, text tokens) -> how well they fit (n,)."""
    learner = build_reranker(config.reranker, text, size=config.size)
    if learner.score is None:
        raise ValueError("a reranker that cannot score")
    score = learner.score
    return lambda params, images, text: score({"reranker": params}, {"reranker": ()}, images, text)


def segments_of(config: TextToImageConfig, vocabulary: Vocabulary) -> tuple[Segment, Segment]:
    """Text, then image tokens, as the priors read them."""
    grid = config.tokenizer.grid
    return (
        Segment("text", vocabulary.length, vocabulary.numbers),
        Segment("tokens", grid**2, config.tokenizer.codes, columns=grid),
    )


def load_text_to_image(folder: Path) -> TextToImage:
    """The model in a folder.

    Raises:
        InputError: none there, one that is not trained to its end, a damaged file, or a part that belongs to another.
    """
    values = read_config(RunFolder(folder))
    if values.get("kind") != TEXT_TO_IMAGE or not isinstance(values.get("config"), dict):
        raise InputError(f"{folder} holds no text-to-image model. Name the folder of one, or leave --text out.")
    config = from_json(TextToImageConfig, values["config"], where=str(RunFolder(folder).config))
    channels = values.get("channels")
    if channels not in (1, 3):
        raise InputError(f"{RunFolder(folder).config} does not say how many channels its images have. Restore it.")
    vocabulary = load_vocabulary(folder / VOCABULARY)
    expected = shapes_of(config, vocabulary, channels)
    networks: Networks = {"tokenizer": load_stage(folder, "tokenizer", expected=expected.pop("tokenizer"))}
    parts = parts_of(networks["tokenizer"], folder / VOCABULARY)
    for name, shapes in expected.items():
        own = {"vocabulary": parts["vocabulary"]} if name == "reranker" else parts
        networks[name] = load_stage(folder, name, expected=shapes, belongs_to=own)
    return TextToImage(config, channels, vocabulary, networks)


def learners_of(
    config: TextToImageConfig,
    vocabulary: Vocabulary,
    channels: int,
    *,
    images_per_epoch: int = 0,
    transfers: Mapping[str, Transfer] | None = None,
) -> dict[str, Learner]:
    """{stage: learner}, in the order of training, of the stages that this config has.

    Args:
        config: of the model.
        vocabulary: of its texts.
        channels: of its images.
        images_per_epoch: over which the use of the codes is counted; 0 is all of training.
        transfers: {stage: transfer}; what has none is trained in full.
    Raises:
        InputError: settings that a network refuses.
    """
    text, tokens = segments_of(config, vocabulary)
    by = dict(transfers or {})
    # Learning rates fall to the end of a stage's steps.
    settled = dataclasses.replace(config.tokenizer, learning_rate_steps=config.tokenizer_steps)
    found = {
        "tokenizer": build_tokenizer(
            settled,
            size=config.size,
            channels=channels,
            images_per_epoch=images_per_epoch,
            transfer=by.get("tokenizer"),
        )
    }
    for name, objective, steps in (
        ("prior", "autoregressive", config.prior_steps),
        ("masked", "masked", config.masked_steps),
    ):
        if steps:
            prior = dataclasses.replace(config.prior, objective=objective)
            found[name] = build_prior(
                prior, (text, tokens), controller=learning_rate_annealing(steps), transfer=by.get(name)
            )
    if config.reranker_steps:
        found["reranker"] = build_reranker(config.reranker, text, size=config.size)
    return found


def shapes_of(config: TextToImageConfig, vocabulary: Vocabulary, channels: int) -> dict[str, Tree]:
    """{stage: its parameters' shapes}; nothing is computed."""
    text, tokens = segments_of(config, vocabulary)
    example = {
        "image": np.zeros((1, config.size, config.size, channels), np.uint8),
        "text": np.zeros((1, text.length), np.int32),
        "tokens": np.zeros((1, tokens.length), np.int32),
    }

    def shapes(learner: Learner) -> Tree:
        state = jax.eval_shape(lambda: learner.init(jax.random.key(0), example))
        return jax.eval_shape(lambda state: parameters(learner, state), state)

    return {name: shapes(learner) for name, learner in learners_of(config, vocabulary, channels).items()}


def keep_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Writes a model's vocabulary, once.

    Raises:
        InputError: another one is there.
    """
    path, content = folder / VOCABULARY, dump_vocabulary(vocabulary)
    if path.exists() and dump_vocabulary(load_vocabulary(path)) != content:
        raise InputError(f"{path} is not the vocabulary of these captions. Restore it, or start again with --force.")
    if not path.exists():
        write_bytes(path, content)


def is_text_to_image(folder: Path) -> bool:
    """Whether a folder holds such a model, finished or not."""
    try:
        return read_config(RunFolder(folder)).get("kind") == TEXT_TO_IMAGE
    except InputError:
        return False


def parts_of(tokenizer: Tree, vocabulary: Path) -> dict[str, str]:
    """What a prior belongs to: the tokenizer and the vocabulary, by the hash of their content."""
    return {"tokenizer": content_hash(tokenizer), "vocabulary": vocabulary_hash(vocabulary)}


def vocabulary_hash(path: Path) -> str:
    """sha256 of a vocabulary's words, however its file is laid out."""
    return content_hash({"vocabulary": np.frombuffer(repr(to_json(load_vocabulary(path))).encode(), np.uint8)})
