"""What the learners of image tokenizers have in common: the state, one update, and images to tokens and back.

The discrete VAE (dvae.py) and the VQ-VAE (vq.py) are such learners; each says what its loss is.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.scipy.stats import norm

from genjax.control import Controller
from genjax.data.images import to_float
from genjax.errors import InputError
from genjax.families.learner import Batch, Encoder, Latents, Learner, Likelihood, Metrics, Networks, TrainState
from genjax.families.step import (
    FIXED,
    averaged_with_rows,
    choose,
    constant_knobs,
    descend,
    finish_step,
    forward_with_features,
    in_parts,
    keys_of_parts,
    start,
)
from genjax.families.text_to_image.codebook import (
    CodeAverages,
    CodeUse,
    count_use,
    describe_use,
    first_averages,
    first_use,
)
from genjax.families.vae.learner import LIKELIHOODS as OF_ONE_VALUE
from genjax.losses.logit_laplace import from_open_interval, logit_laplace_log_likelihood
from genjax.models.tokenizer import Tokenizer
from genjax.transfer import Transfer
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree, flatten, refill

CODEBOOK = "codebook"  # the parameter that its moving average moves


class PixelLikelihood(NamedTuple):
    """How p(x|z) reads what the decoder gives.

    Attributes:
        log_density: (images, decoded) -> nats (n,).
        to_image: decoded -> its mean as an image in [-1, 1].
        values: numbers that the decoder gives for each value of the image.
    """

    log_density: Callable[[Array, Array], Array]
    to_image: Callable[[Array], Array]
    values: int


def _logit_laplace(images: Array, decoded: Array) -> Array:
    return logit_laplace_log_likelihood(images, *jnp.split(decoded, 2, axis=-1))


LIKELIHOODS = {name: PixelLikelihood(*functions, 1) for name, functions in OF_ONE_VALUE.items()} | {
    "logit_laplace": PixelLikelihood(
        _logit_laplace, lambda decoded: from_open_interval(jax.nn.sigmoid(jnp.split(decoded, 2, axis=-1)[0])), 2
    )
}


class Codec(NamedTuple):
    """Images to tokens and back, as a prior needs it. `genjax.tree.content_hash(params)` identifies a tokenizer.

    Attributes:
        encode: (params, images) -> tokens int32 (n, places), row by row of the grid. Images uint8 or in [-1, 1].
        decode: (params, tokens) -> images in [-1, 1].
        codes: tokens are 0, ..., codes - 1.
        grid: rows and columns; places are grid * grid.
    """

    encode: Callable[[Tree, Array], Array]
    decode: Callable[[Tree, Array], Array]
    codes: int
    grid: int


def make_codec(tokenizer: Tokenizer, likelihood: PixelLikelihood, nearest: Callable[[Array, Array], Array]) -> Codec:
    """The codec of a module whose features and codebook `nearest` turns into tokens (n, grid, grid)."""

    def encode(params: Tree, images: Array) -> Array:
        features = jnp.asarray(tokenizer.apply({"params": params}, jnp.asarray(to_float(images)), method="encode"))
        return nearest(features, params[CODEBOOK]).reshape(len(images), -1)

    def decode(params: Tree, tokens: Array) -> Array:
        decoded = jnp.asarray(tokenizer.apply({"params": params}, tokens, method="decode_tokens"))
        return jnp.clip(likelihood.to_image(decoded), -1, 1)

    return Codec(encode, decode, tokenizer.codes, tokenizer.grid)


@flax.struct.dataclass
class TokenizerState(TrainState):
    """The state of a learner whose codes are counted, and may follow their vectors."""

    use: CodeUse
    averages: CodeAverages | tuple[()]  # of the codebook where it follows; () where it is trained by its gradient


class Reading(NamedTuple):
    """What a loss saw of a batch.

    Attributes:
        metrics: of the step.
        tokens: int32 (n, places).
        features: of the encoder, (n, grid, grid, encoded).
    """

    metrics: Metrics
    tokens: Array
    features: Array


Knobs = dict[str, Array]
Objective = Callable[[Tree, Array, Knobs, Array], tuple[Array, Reading]]  # (params, images, knobs, key) -> loss, ...
Follow = Callable[
    [Array, Array, CodeAverages, Array, Array], tuple[Array, CodeAverages]
]  # `codebook.follow`, with its rates


def make_tokenizer(
    tokenizer: Tokenizer,
    codec: Codec,
    *,
    objective: Objective,
    follow: Follow | None,
    neutral: Mapping[str, float],
    likelihood: PixelLikelihood,
    optimizer: optax.GradientTransformation,
    controller: Controller,
    ema_images: float,
    images_per_epoch: int,
    transfer: Transfer,
    accumulate: int = 1,
) -> Learner:
    """A learner for this module. Its latents are standard normal, and each stands for the code at its quantile.

    Args:
        tokenizer: the network, called `tokenizer`.
        codec: of it.
        objective: the mean loss of a batch, with what it saw; `loss/...` among its metrics are signals too.
        follow: how the codebook moves; None for its gradient. A transfer that does not train it as it is stills it.
        neutral: the knobs that the objective obeys, where no controller sets them.
        likelihood: of an image given its codes.
        optimizer: of the trainable tree.
        controller: of the knobs.
        ema_images: half-life of the parameters' moving average; 0 is off.
        images_per_epoch: over which the use of the codes is counted.
        transfer: of the whole network.
        accumulate: parts of a batch that are computed one after the other.
    Raises:
        InputError: a transfer that moves latents.
    """
    if transfer.latents is not same_latents:
        raise InputError("a tokenizer has no latents that a transfer could move. Leave miner out.")
    places, name = codec.grid**2, "tokenizer"

    def init(key: Array, batch: Batch, *, source: Networks | None = None) -> TokenizerState:
        params_key, start_key = jax.random.split(key)
        fresh: Networks = {name: tokenizer.init(params_key, jnp.asarray(to_float(batch["image"][:1])))["params"]}
        params = fresh if source is None else source
        state = start(
            start_key,
            params,
            expected=fresh,
            transfers={name: transfer},
            optimizers={name: optimizer},
            sampled=(name,),
            control=controller.init(),
        )
        averages = first_averages(params[name][CODEBOOK], known=source is not None) if follow else ()
        fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
        return TokenizerState(**fields, use=first_use(codec.codes), averages=averages)

    def params_of(networks: Networks, context: Networks) -> Tree:
        return transfer.params(networks[name], context[name])

    def forward(params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
        tokens = tokens_at(latents, codec.codes)
        decoded, features = forward_with_features(tokenizer, params, tokens, method="decode_tokens")
        return likelihood.to_image(decoded), features

    def step(state: Any, batch: Batch) -> tuple[TokenizerState, Metrics]:
        noise_key, penalty_key, codes_key = jax.random.split(jax.random.fold_in(state.key, state.step), 3)
        images = in_parts(jnp.asarray(to_float(batch["image"])), 3, accumulate)  # (parts, n, h, w, c)
        number = images.shape[0] * images.shape[1]
        knobs = constant_knobs(neutral) | controller.knobs(state.control)
        tree, context = state.trainable[name], state.context[name]

        def gradients_of(images: Array, key: Array) -> tuple[tuple[Tree, Metrics], tuple[Array, Array]]:
            def loss_of(tree: Tree) -> tuple[Array, Reading]:
                return objective(transfer.params(tree, context), images, knobs, key)

            gradients, (metrics, tokens, features) = jax.grad(loss_of, has_aux=True)(tree)
            return (gradients, metrics), (tokens, features)

        in_turn = averaged_with_rows(gradients_of, accumulate)
        (gradients, metrics), (tokens, features) = in_turn(images, keys_of_parts(noise_key, accumulate))
        done, measured = descend(
            optimizer, transfer, gradients, state, name, knobs=knobs, key=penalty_key, forward=forward
        )
        averages, flat = state.averages, flatten(done.trainable)
        if follow is not None and CODEBOOK in flat and isinstance(state.averages, CodeAverages):
            vectors = features.reshape(-1, features.shape[-1])
            before = flatten(tree)[CODEBOOK]
            moved = follow(codes_key, before, state.averages, vectors, tokens.reshape(-1))
            flat[CODEBOOK], averages = choose(done.accepted, moved, (before, averages))
            done = done._replace(trainable=refill(done.trainable, flat))
        use = count_use(state.use, tokens, step=state.step, images_per_epoch=images_per_epoch)
        used = describe_use(use)
        signals = {metric.removeprefix("loss/"): value for metric, value in metrics.items()} | {
            "codebook_usage": used["codebook/usage"],
            "codebook_perplexity": used["codebook/perplexity"],
        }
        return finish_step(
            dataclasses.replace(state, use=use, averages=averages),
            {name: done},
            metrics | used | measured,
            signals,
            knobs=knobs,
            controller=controller,
            images=number,
            batch=number,
            half_life=ema_images,
            fixed_images=lambda trained, key: forward(transfer.params(trained[name], context), latents(key, FIXED))[0],
        )

    def latents(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, places))

    def generate(networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
        return codec.decode(params_of(networks, context), tokens_at(latents, codec.codes))

    def sample(state: TokenizerState, key: Array, n: int, condition: None = None) -> Array:
        return generate(state.average, state.context, latents(key, n), condition)

    def reconstruct(networks: Networks, context: Networks, images: Array) -> Array:
        params = params_of(networks, context)
        return codec.decode(params, codec.encode(params, images))

    def log_likelihood(networks: Networks, context: Networks, images: Array, latents: Array) -> Array:
        tokens = tokens_at(latents, codec.codes)
        decoded = tokenizer.apply({"params": params_of(networks, context)}, tokens, method="decode_tokens")
        return likelihood.log_density(jnp.asarray(to_float(images)), jnp.asarray(decoded))

    def evidence(params: Networks, source: Networks, key: Array) -> Array:
        latent_key, noise_key = jax.random.split(key)
        images = codec.decode(source[name], tokens_at(latents(latent_key, 1), codec.codes))
        loss, _ = objective(params[name], images, constant_knobs(neutral), noise_key)
        return -loss

    return Learner(
        init=init,
        step=step,
        transfers={name: transfer},
        controller=controller,
        sample=sample,
        evidence=evidence,
        latents=Latents(latents, generate),
        encoder=Encoder(reconstruct),
        likelihood=Likelihood(log_likelihood),
    )


def tokens_at(latents: Array, codes: int) -> Array:
    """The code at the quantile of each latent, a standard normal number: tokens that are uniform. int32."""
    return jnp.clip(norm.cdf(latents) * codes, 0, codes - 1).astype(jnp.int32)
