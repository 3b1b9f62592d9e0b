"""The masked prior: hidden image tokens from those that are seen, to be decoded in a few steps. (Chang et al. 2022)

Of each image a share of tokens is hidden, cos(pi r / 2) for a uniform r, and the loss is the cross-entropy of these.
Conditions are dropped and guidance works as in the autoregressive prior. The paper smooths its labels by .1; here they
are as they are, so that the loss is in nats.
"""

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.families.learner import Batch, Learner, Metrics, Networks
from genjax.families.one_network import check_transfer, knobs_of, learner_of, signals_of
from genjax.families.text_to_image.decoding import parallel_decoder
from genjax.families.text_to_image.decoding.masking import hide
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.families.text_to_image.prior import (
    ToImages,
    Tokens,
    drop_condition,
    initialiser,
    make_samplers,
    predicted_nats,
    tokens_of,
)
from genjax.losses.tokens import masked_nats
from genjax.models.transformer import Transformer
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "masked"
SIGNALS = signals_of(NETWORK)
KNOBS = knobs_of(NETWORK)


def make_masked_prior(
    transformer: Transformer,
    *,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    null_probability: float = 0.1,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    decoding: DecodingConfig | None = None,
    to_images: ToImages | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes a learner for this transformer, which is not causal and predicts its last segment only.

    It minimises the nats of the hidden tokens over the length of the target. Latents are the uniform numbers that all
    steps of a decoding draw with. Arguments and errors as in `genjax.families.text_to_image.prior.make_prior`.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    check_transfer(NETWORK, transfer)
    segments, decoder = transformer.segments, parallel_decoder(transformer, decoding or DecodingConfig())
    target_segment = segments[-1]

    def hidden_nats(params: Tree, seen: Tokens, tokens: Tokens, key: Array) -> tuple[Array, Array]:
        """Nats (n,) of the tokens that are hidden by this key, and how many there are."""
        hidden = hide(key, *tokens[-1].shape)
        shown = jnp.where(hidden, target_segment.absent, tokens[-1])
        (nats,) = predicted_nats(transformer, params, (*seen[:-1], shown), tokens)
        return masked_nats(nats, hidden), hidden.sum(axis=1)

    def objective(params: Tree, batch: Batch, key: Array) -> tuple[Array, Metrics]:
        drop_key, hide_key = jax.random.split(key)
        tokens = tokens_of(batch, segments)
        seen, _ = drop_condition(drop_key, tokens, segments, probability=null_probability)
        nats, number = hidden_nats(params, seen, tokens, hide_key)
        loss = nats.mean() / target_segment.length
        return loss, {"loss/total": loss, "loss/nats_per_hidden_token": nats.sum() / number.sum()}

    latents, sample = make_samplers(NETWORK, decoder, segments, transfer, to_images)

    def evidence(params: Networks, source: Networks, key: Array) -> Array:
        """Returns minus the nats of the tokens that a key hides, of an image that was drawn without a condition."""
        sample_key, hide_key = jax.random.split(key)
        given = tuple(jnp.full((1, segment.length), segment.absent, jnp.int32) for segment in segments[:-1])
        tokens = (*given, decoder.decode(source[NETWORK], given, latents.draw(sample_key, 1)))
        return -hidden_nats(params[NETWORK], tokens, tokens, hide_key)[0][0]

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
    )
