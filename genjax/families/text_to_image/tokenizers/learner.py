"""The learner of an image tokenizer: the state, one update, and images to tokens and back.

The discrete VAE (dvae.py) and the VQ-VAE (vq.py) are such learners; each says what its loss is.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
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
from genjax.families.accumulate import averaged_with_rows, in_parts, keys_of_parts
from genjax.families.learner import Batch, Encoder, Latents, Learner, Likelihood, Metrics, Networks, TrainState
from genjax.families.step import (
    FIXED,
    Update,
    choose,
    constant_knobs,
    descend,
    finish_step,
    forward_with_features,
    start,
)
from genjax.families.text_to_image.tokenizers.codebook import (
    CodeAverages,
    CodeUse,
    count_use,
    describe_use,
    first_averages,
    first_use,
)
from genjax.families.vae.learner import LIKELIHOODS as OF_ONE_VALUE
from genjax.losses.logit_laplace import from_open_interval, logit_laplace_log_likelihood
from genjax.models.text_to_image.tokenizer import Tokenizer
from genjax.transfer import Transfer
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree, flatten, refill

CODEBOOK = "codebook"  # the parameter that its moving average moves


class PixelLikelihood(NamedTuple):
    """p(x|z) from the decoder's output.

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
    """Makes the codec of a module whose features and codebook `nearest` turns into tokens (n, grid, grid)."""

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


NETWORK = "tokenizer"


class Reading(NamedTuple):
    """The results of a loss beside its value.

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


class Parts(NamedTuple):
    """The static parts of a tokenizer's learner.

    Attributes:
        module: the network.
        codec: images to tokens and back.
        objective: mean loss of a batch, with its reading; `loss/...` among its metrics are signals too.
        follow: moves the codebook; None for its gradient. A transfer that does not train it as it is stills it.
        neutral: values of the knobs that the objective obeys, where no controller sets them.
        likelihood: density of an image given its codes.
        optimizer: optimiser of the trainable tree.
        controller: chain of the controllers of the knobs.
        ema_images: half-life of the parameters' moving average in images; 0 is off.
        images_per_epoch: images over which the use of the codes is counted.
        transfer: of the whole network.
        accumulate: parts of a batch that are computed one after the other.
    """

    module: Tokenizer
    codec: Codec
    objective: Objective
    follow: Follow | None
    neutral: Mapping[str, float]
    likelihood: PixelLikelihood
    optimizer: optax.GradientTransformation
    controller: Controller
    ema_images: float
    images_per_epoch: int
    transfer: Transfer
    accumulate: int = 1


def make_tokenizer(parts: Parts) -> Learner:
    """Makes the learner of a tokenizer. Its latents are standard normal, and each stands for the code at its quantile.

    Args:
        parts: network, loss and optimiser.
    Raises:
        InputError: a transfer that moves latents.
    """
    if parts.transfer.latents is not same_latents:
        raise InputError("a tokenizer has no latents that a transfer could move. Leave miner out.")
    return Learner(
        init=partial(_init, parts),
        step=partial(_step, parts),
        transfers={NETWORK: parts.transfer},
        controller=parts.controller,
        sample=partial(_sample, parts),
        evidence=partial(_evidence, parts),
        latents=Latents(partial(_draw, parts), partial(_generate, parts)),
        encoder=Encoder(partial(_reconstruct, parts)),
        likelihood=Likelihood(partial(_log_likelihood, parts)),
    )


def _init(parts: Parts, key: Array, batch: Batch, *, source: Networks | None = None) -> TokenizerState:
    params_key, start_key = jax.random.split(key)
    images = jnp.asarray(to_float(batch["image"][:1]))
    fresh: Networks = {NETWORK: parts.module.init(params_key, images)["params"]}
    params = fresh if source is None else source
    state = start(
        start_key,
        params,
        expected=fresh,
        transfers={NETWORK: parts.transfer},
        optimizers={NETWORK: parts.optimizer},
        sampled=(NETWORK,),
        control=parts.controller.init(),
    )
    averages = first_averages(params[NETWORK][CODEBOOK], known=source is not None) if parts.follow else ()
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    return TokenizerState(**fields, use=first_use(parts.codec.codes), averages=averages)


def _step(parts: Parts, state: Any, batch: Batch) -> tuple[TokenizerState, Metrics]:
    """Takes one step: gradients of the loss, update, codebook, use of the codes, average, controllers."""
    noise_key, penalty_key, codes_key = jax.random.split(jax.random.fold_in(state.key, state.step), 3)
    images = in_parts(jnp.asarray(to_float(batch["image"])), 3, parts.accumulate)  # (parts, n, h, w, c)
    number = images.shape[0] * images.shape[1]
    knobs = constant_knobs(parts.neutral) | parts.controller.knobs(state.control)
    tree, context = state.trainable[NETWORK], state.context[NETWORK]

    def gradients_of(images: Array, key: Array) -> tuple[tuple[Tree, Metrics], tuple[Array, Array]]:
        def loss_of(tree: Tree) -> tuple[Array, Reading]:
            return parts.objective(parts.transfer.params(tree, context), images, knobs, key)

        gradients, (metrics, tokens, features) = jax.grad(loss_of, has_aux=True)(tree)
        return (gradients, metrics), (tokens, features)

    in_turn = averaged_with_rows(gradients_of, parts.accumulate)
    (gradients, metrics), (tokens, features) = in_turn(images, keys_of_parts(noise_key, parts.accumulate))
    done, measured = descend(
        parts.optimizer,
        parts.transfer,
        gradients,
        state,
        NETWORK,
        knobs=knobs,
        key=penalty_key,
        forward=partial(_forward, parts),
    )
    done, averages = _follow(parts, state, done, tokens, features, codes_key)
    use = count_use(state.use, tokens, step=state.step, images_per_epoch=parts.images_per_epoch)
    used = describe_use(use)
    signals = {metric.removeprefix("loss/"): value for metric, value in metrics.items()} | {
        "codebook_usage": used["codebook/usage"],
        "codebook_perplexity": used["codebook/perplexity"],
    }
    return finish_step(
        dataclasses.replace(state, use=use, averages=averages),
        {NETWORK: done},
        metrics | used | measured,
        signals,
        knobs=knobs,
        controller=parts.controller,
        images=number,
        batch=number,
        half_life=parts.ema_images,
        fixed_images=lambda trained, key: _forward(
            parts, parts.transfer.params(trained[NETWORK], context), _draw(parts, key, FIXED)
        )[0],
    )


def _follow(
    parts: Parts, state: TokenizerState, done: Update, tokens: Array, features: Array, key: Array
) -> tuple[Update, CodeAverages | tuple[()]]:
    """Moves the codebook to the averages of the vectors that chose its codes, where it follows them."""
    flat = flatten(done.trainable)
    if parts.follow is None or CODEBOOK not in flat or not isinstance(state.averages, CodeAverages):
        return done, state.averages
    before = flatten(state.trainable[NETWORK])[CODEBOOK]
    vectors = features.reshape(-1, features.shape[-1])  # (n * places, encoded)
    moved = parts.follow(key, before, state.averages, vectors, tokens.reshape(-1))
    flat[CODEBOOK], averages = choose(done.accepted, moved, (before, state.averages))
    return done._replace(trainable=refill(done.trainable, flat)), averages


def _params(parts: Parts, networks: Networks, context: Networks) -> Tree:
    return parts.transfer.params(networks[NETWORK], context[NETWORK])


def _forward(parts: Parts, params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
    tokens = tokens_at(latents, parts.codec.codes)
    decoded, features = forward_with_features(parts.module, params, tokens, method="decode_tokens")
    return parts.likelihood.to_image(decoded), features


def _draw(parts: Parts, key: Array, n: int) -> Array:
    return jax.random.normal(key, (n, parts.codec.grid**2))


def _generate(parts: Parts, networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
    return parts.codec.decode(_params(parts, networks, context), tokens_at(latents, parts.codec.codes))


def _sample(parts: Parts, state: TokenizerState, key: Array, n: int, condition: None = None) -> Array:
    return _generate(parts, state.average, state.context, _draw(parts, key, n), condition)


def _reconstruct(parts: Parts, networks: Networks, context: Networks, images: Array) -> Array:
    params = _params(parts, networks, context)
    return parts.codec.decode(params, parts.codec.encode(params, images))


def _log_likelihood(parts: Parts, networks: Networks, context: Networks, images: Array, latents: Array) -> Array:
    tokens = tokens_at(latents, parts.codec.codes)
    params = _params(parts, networks, context)
    decoded = parts.module.apply({"params": params}, tokens, method="decode_tokens")
    return parts.likelihood.log_density(jnp.asarray(to_float(images)), jnp.asarray(decoded))


def _evidence(parts: Parts, params: Networks, source: Networks, key: Array) -> Array:
    """Returns minus the loss of a sample of the source: ()."""
    latent_key, noise_key = jax.random.split(key)
    images = parts.codec.decode(source[NETWORK], tokens_at(_draw(parts, latent_key, 1), parts.codec.codes))
    loss, _ = parts.objective(params[NETWORK], images, constant_knobs(parts.neutral), noise_key)
    return -loss


def tokens_at(latents: Array, codes: int) -> Array:
    """Returns the code at the quantile of each latent, a standard normal number: tokens that are uniform. int32."""
    return jnp.clip(norm.cdf(latents) * codes, 0, codes - 1).astype(jnp.int32)
