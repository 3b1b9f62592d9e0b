"""The autoregressive prior: every token from those before it, captions first. (Ramesh et al. 2021, section 2.2)

The order of the segments says what the prior is for: text before image tokens makes images, image tokens before text
makes captions. The last segment is the target, those before it are the condition. Some conditions are dropped, whole,
so that the same network knows the target without one: that is what guidance needs. (Ho & Salimans 2022, algorithm 1)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.errors import InputError
from genjax.families.learner import Batch, Latents, Learner, Likelihood, Metrics, Networks, TrainState
from genjax.families.one_network import check_transfer, knobs_of, learner_of, signals_of
from genjax.families.text_to_image.decoding import Decoder, autoregressive_decoder
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.losses.tokens import token_nats, weighted_nats
from genjax.models.segments import Segment
from genjax.models.transformer import Transformer
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "prior"
SIGNALS = signals_of(NETWORK)
KNOBS = knobs_of(NETWORK)

Tokens = tuple[Array, ...]  # of all segments, (n, length) each
ToImages = Callable[[Array], Array]  # tokens (n, length) -> images (n, h, w, c) in [-1, 1]


def make_prior(
    transformer: Transformer,
    *,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    condition_weight: float = 0.125,
    null_probability: float = 0.1,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    decoding: DecodingConfig | None = None,
    to_images: ToImages | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes a learner for this transformer.

    It minimises the nats per token of target and condition, weighted; the condition of a sequence that lost it is not
    predicted. A batch holds an array (n, length) for each segment, under its name. Its latents are the uniform numbers
    that the tokens are drawn with, and its condition the tokens (n, length) of the first segment.

    Args:
        transformer: causal. Where the condition has no weight, it needs no heads for it.
        optimizer: of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        condition_weight: part of the condition in the loss; the target has the rest.
        null_probability: how often a condition is dropped.
        ema_images: half-life of the parameters' moving average; 0 is off.
        transfer: of the transformer; None is `full()`.
        decoding: how it is sampled from; None is the default.
        to_images: makes images of the target's tokens, a tokenizer's decoder; without, tokens are what is sampled.
        accumulate: parts of a batch that are computed one after the other.
    Raises:
        InputError: a controller or a transfer that does not fit, or decoding settings that the target does not allow;
            (from init) tokens of other lengths or out of range.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    check_transfer(NETWORK, transfer)
    segments, decoder = transformer.segments, autoregressive_decoder(transformer, decoding or DecodingConfig())

    def objective(params: Tree, batch: Batch, key: Array) -> tuple[Array, Metrics]:
        tokens = tokens_of(batch, segments)
        seen, dropped = drop_condition(key, tokens, segments, probability=null_probability)
        *condition, target = predicted_nats(transformer, params, seen, tokens)
        if condition_weight:
            known = jnp.where(dropped[:, None], 0.0, jnp.concatenate(condition, axis=1))
            loss = weighted_nats(known, target, condition_weight=condition_weight).mean()
            parts = {"loss/condition_nats": known.sum() / jnp.maximum((~dropped).sum(), 1)}
        else:
            loss, parts = target.mean(), {}
        return loss, {"loss/total": loss, "loss/target_nats": target.sum(axis=1).mean()} | parts

    def evidence(params: Networks, source: Networks, key: Array) -> Array:
        tokens = sample_all(transformer, source[NETWORK], key, condition=bool(condition_weight))
        *condition, target = predicted_nats(transformer, params[NETWORK], tokens, tokens)
        return -(target.sum() + (sum(part.sum() for part in condition) if condition_weight else 0.0))

    def target_nats(networks: Networks, context: Networks, batch: Batch) -> Array:
        tokens = tokens_of(batch, segments)
        params = transfer.params(networks[NETWORK], context[NETWORK])
        return predicted_nats(transformer, params, tokens, tokens)[-1].sum(axis=1)

    latents, sample = make_samplers(NETWORK, decoder, segments, transfer, to_images)
    return learner_of(
        NETWORK,
        fresh=initialiser(transformer),
        objective=objective,
        optimizer=optimizer,
        controller=controller,
        transfer=transfer,
        ema_images=ema_images,
        accumulate=accumulate,
        sample=sample,
        evidence=evidence,
        latents=latents,
        likelihood=Likelihood(target_nats=target_nats),
    )


def tokens_of(batch: Batch, segments: tuple[Segment, ...]) -> Tokens:
    """Returns the arrays of a batch in the order of the segments."""
    return tuple(jnp.asarray(batch[segment.name], jnp.int32) for segment in segments)


def drop_condition(
    key: Array, tokens: Tokens, segments: tuple[Segment, ...], *, probability: float
) -> tuple[Tokens, Array]:
    """Replaces the condition of some sequences by `absent`; returns the tokens, and where there is none now (n,)."""
    *condition, target = tokens
    dropped = jax.random.bernoulli(key, probability, (len(target),))
    for part, segment in zip(condition, segments, strict=False):  # of an image without a caption there never was one
        dropped |= (part == segment.absent).all(axis=1)
    known = [
        jnp.where(dropped[:, None], segment.absent, part) for part, segment in zip(condition, segments, strict=False)
    ]
    return (*known, target), dropped


def predicted_nats(transformer: Transformer, params: Tree, seen: Tokens, tokens: Tokens) -> Tokens:
    """Nats (n, length) of the tokens of each segment that is predicted, for a transformer that was shown `seen`."""
    logits = [jnp.asarray(part) for part in transformer.apply({"params": params}, seen)]
    true = tokens[transformer.given :]
    return tuple(
        token_nats(part, jnp.minimum(known, part.shape[-1] - 1))  # `absent` is no token that could be predicted
        for part, known in zip(logits, true, strict=True)
    )


def sample_all(transformer: Transformer, params: Tree, key: Array, *, condition: bool) -> Tokens:
    """Draws one sequence, from its first segment on; or, where conditions are not modelled, a target without one."""
    made: Tokens = ()
    for index, segment in enumerate(transformer.segments):
        if not condition and index + 1 < len(transformer.segments):
            made = (*made, jnp.full((1, segment.length), segment.absent, jnp.int32))
            continue
        decoder = autoregressive_decoder(transformer, DecodingConfig(), segment=index)
        uniforms = jax.random.uniform(jax.random.fold_in(key, index), (1, decoder.uniforms))
        made = (*made, decoder.decode(params, made, uniforms))
    return made


def initialiser(transformer: Transformer) -> Callable[[Array, Batch], Tree]:
    """Makes the function (key, batch) -> fresh parameters, which looks at the batch first."""

    def fresh(key: Array, batch: Batch) -> Tree:
        check_tokens(batch, transformer.segments)
        examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in transformer.segments)
        return transformer.init(key, examples)["params"]

    return fresh


def check_tokens(batch: Batch, segments: tuple[Segment, ...]) -> None:
    """Raises InputError unless the batch holds tokens of each segment, of its length and its vocabulary."""
    for segment in segments:
        if segment.name not in batch:
            raise InputError(f"a batch has no {segment.name!r}, but {', '.join(sorted(batch))}. Add its tokens.")
        tokens = batch[segment.name]
        if tokens.ndim != 2 or tokens.shape[1] != segment.length:
            raise InputError(
                f"{segment.name} tokens have shape {tokens.shape}, expected (n, {segment.length}). Pad or cut them."
            )
        if (
            isinstance(tokens, np.ndarray)
            and tokens.size
            and not 0 <= tokens.min() <= tokens.max() < segment.vocabulary
        ):
            raise InputError(
                f"{segment.name} tokens go from {tokens.min()} to {tokens.max()}, expected 0 to "
                f"{segment.vocabulary - 1}. Use the vocabulary that the model was made for."
            )


def make_samplers(
    network: str, decoder: Decoder, segments: tuple[Segment, ...], transfer: Transfer, to_images: ToImages | None
) -> tuple[Latents, Callable[..., Array]]:
    """Makes `latents` and `sample` of a learner whose target is decoded.

    Latents are the uniform numbers that the decoder draws with; the condition is the first segment (n, length).
    """

    def draw(key: Array, n: int) -> Array:
        return jax.random.uniform(key, (n, decoder.uniforms))

    def generate(networks: Networks, context: Networks, latents: Array, condition: Array | None = None) -> Array:
        params = transfer.params(networks[network], context[network])
        given = tuple(jnp.full((len(latents), part.length), part.absent, jnp.int32) for part in segments[:-1])
        if condition is not None:
            given = (jnp.asarray(condition, jnp.int32), *given[1:])
        tokens = decoder.decode(params, given, latents)
        return tokens if to_images is None else to_images(tokens)

    def sample(state: TrainState, key: Array, n: int, condition: Array | None = None) -> Array:
        return generate(state.average, state.context, draw(key, n), condition)

    return Latents(draw, generate), sample
