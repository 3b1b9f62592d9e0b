"""A trained text-to-image model: sentences to tokens, tokens to tokens, tokens to images, and the best of several."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.data.images import to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.learner import Networks
from genjax.families.model import Model, ModelConfig
from genjax.families.text import Vocabulary
from genjax.families.text_to_image.build_prior import build_prior, build_reranker, build_transformer
from genjax.families.text_to_image.decoding import Decoder, autoregressive_decoder, best_of, parallel_decoder, repeated
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.stages import codec_of, encoded, segments_of, vocabulary_of
from genjax.families.text_to_image.tokenizers.learner import Codec
from genjax.tree import Tree

CHUNK = 64  # sequences that are decoded at once
DECODERS = {"autoregressive": ("prior", autoregressive_decoder), "parallel": ("masked", parallel_decoder)}

Draw = Callable[[Networks, Array, Array], tuple[Array, Array]]  # (networks, text, uniforms) -> images and scores


class Sampled(NamedTuple):
    """Images of texts.

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
        config: of the model, with the vocabulary of its texts.
        networks: {stage: parameters}: tokenizer and prior, and masked and reranker where they were trained.
    """

    config: ModelConfig
    networks: Networks
    _compiled: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def options(self) -> TextToImageConfig:
        """Returns the options that it was trained by."""
        return self.config.options

    @property
    def vocabulary(self) -> Vocabulary:
        """Returns the vocabulary of its texts."""
        return vocabulary_of(self.config)

    @property
    def codec(self) -> Codec:
        """Returns the functions from images to tokens and back."""
        return codec_of(self.config)

    def sample(
        self,
        texts: Sequence[str],
        key: Array,
        *,
        candidates: int = 8,
        method: str = "autoregressive",
        decoding: DecodingConfig | None = None,
    ) -> Sampled:
        """Draws one image of each text, the best of some candidates by the reranker.

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
        """Returns the decoder of a method, and a compiled function that draws by it and is kept.

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
            prior = dataclasses.replace(self.options.prior, objective=objective)
            decoder = make(
                build_transformer(prior, segments_of(self.config), dtype=jnp.dtype(self.config.dtype)), decoding
            )
            self._compiled[method, decoding] = decoder, jax.jit(self._draw(network, decoder))
        return self._compiled[method, decoding]

    def _draw(self, network: str, decoder: Decoder) -> Draw:
        codec = self.codec
        ranked = "reranker" in self.networks
        score = reranker_score(self.config) if ranked else None

        def draw(networks: Networks, text: Array, uniforms: Array) -> tuple[Array, Array]:
            images = codec.decode(networks["tokenizer"], decoder.decode(networks[network], (text,), uniforms))
            if score is None:
                return images, jnp.full(len(images), jnp.nan)
            return images, score(networks["reranker"], images, text)

        return draw

    def tokens(self, images: np.ndarray) -> np.ndarray:
        """Returns the tokens of uint8 images, int32 (n, places)."""
        return encoded(self.codec, self.networks["tokenizer"], images)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Returns uint8 images that went through the tokenizer and back."""
        codec, params = self.codec, self.networks["tokenizer"]
        through = jax.jit(lambda some: codec.decode(params, codec.encode(params, some)))
        return to_uint8(in_chunks(through, images, chunk=CHUNK))

    def token_nats(self, tokens: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Returns -log p of the image tokens (n, places) given their texts, in nats (n,)."""
        learner = build_prior(self.options.prior, segments_of(self.config), dtype=jnp.dtype(self.config.dtype))
        if learner.likelihood is None or learner.likelihood.target_nats is None:
            raise ValueError("an autoregressive prior has a likelihood")
        judge, networks = jax.jit(learner.likelihood.target_nats), {"prior": self.networks["prior"]}
        return in_chunks(
            lambda text, part: judge(networks, {"prior": ()}, {"text": text, "tokens": part}),
            self.vocabulary.encode(texts),
            tokens,
            chunk=CHUNK,
        )


def text_to_image(model: Model) -> TextToImage:
    """Makes the functions of a loaded model."""
    return TextToImage(model.config, model.params())


def reranker_score(model: ModelConfig) -> Callable[[Tree, Array, Array], Array]:
    """Returns (parameters, images, text tokens) -> how well they fit (n,)."""
    learner = build_reranker(
        model.options.reranker, segments_of(model)[0], size=model.size, dtype=jnp.dtype(model.dtype)
    )
    if learner.ranker is None:
        raise ValueError("a reranker that cannot score")
    score = learner.ranker.score
    return lambda params, images, text: score({"reranker": params}, {"reranker": ()}, images, text)
