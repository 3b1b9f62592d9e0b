"""The VAE learner: maximises the evidence lower bound, or GECO's form of it. (Kingma & Welling 2014)"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.families.accumulate import averaged, in_parts
from genjax.families.copies import Shots, labels_apart, measure_of
from genjax.families.labels import labels_in_turn, labels_of, penalty_labels, random_labels, told
from genjax.families.learner import Batch, Encoder, Latents, Learner, Likelihood, Metrics, Module, Networks, TrainState
from genjax.families.step import (
    FIXED,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Knobs,
    Share,
    constant_knobs,
    descend,
    finish_step,
    forward_with_features,
    network_knobs,
    network_signals,
    start,
    stay,
)
from genjax.losses.reconstruction import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    optimal_gaussian_log_likelihood,
)
from genjax.losses.variational import constrained_kl, gaussian_kl_per_latent, reparameterize_with
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "vae"
SIGNALS = ("squared_error", "kl", "log_likelihood", "copies", *network_signals(NETWORK), *SHARED_SIGNALS)
KNOBS = (
    *("reconstruction_weight", "kl_weight", "free_nats", "kl_capacity"),
    *network_knobs(NETWORK),
    *SHARED_KNOBS,
)


class PixelDensity(NamedTuple):
    """p(x|z) from the decoder's output.

    Attributes:
        log_density: (images, decoded) -> nats (n,), summed over an image.
        to_image: decoded -> its mean as an image in [-1, 1].
    """

    log_density: Callable[[Array, Array], Array]
    to_image: Callable[[Array], Array]


LIKELIHOODS = {
    "gaussian": PixelDensity(lambda images, mean: gaussian_log_likelihood(images, mean, scale=1.0), lambda mean: mean),
    "optimal_gaussian": PixelDensity(optimal_gaussian_log_likelihood, lambda mean: mean),
    "bernoulli": PixelDensity(bernoulli_log_likelihood, lambda logits: jnp.tanh(logits / 2)),
}


class Vae(NamedTuple):
    """The static parts of a VAE's learner; see the arguments of `make_vae`."""

    module: Module
    latent_size: int
    likelihood: PixelDensity
    optimizer: optax.GradientTransformation
    controller: Controller
    kl_weight: float
    ema_images: float
    transfer: Transfer
    accumulate: int
    share: Share
    classes: int = 0
    new_classes: int = 0
    shots: Shots | None = None

    @property
    def neutral(self) -> dict[str, float]:
        """Returns the values of the knobs that no controller sets."""
        return {"reconstruction_weight": 1.0, "kl_weight": self.kl_weight, "free_nats": 0.0, "kl_capacity": 0.0}


def make_vae(
    vae: Module,
    *,
    latent_size: int,
    likelihood: PixelDensity,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    kl_weight: float = 1.0,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    accumulate: int = 1,
    share: Share = stay,
    classes: int = 0,
    new_classes: int = 0,
    shots: Shots | None = None,
) -> Learner:
    """Makes the learner of this module, which minimises `negative_elbo`.

    Args:
        vae: with the methods `encode` (images -> mean, log-variance) and `decode` (latents -> the likelihood's input),
            which with classes take `labels` (n,) as well.
        latent_size: length of a latent vector.
        likelihood: density of an image given its latents, from LIKELIHOODS.
        optimizer: optimiser of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        kl_weight: beta, unless a controller sets it.
        ema_images: half-life of the parameters' moving average in images; 0 is off.
        transfer: of encoder and decoder together; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
        share: layout of what a step draws on the devices.
        classes: number of classes, which batches then have in `label`; 0 is without.
        new_classes: how many of the last of them the source of an adaptation does not know.
        shots: images that are not to be copied, where a controller reads `copies`; None where it does not.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    parts = Vae(
        vae,
        latent_size,
        likelihood,
        optimizer,
        controller,
        kl_weight,
        ema_images,
        transfer or full(),
        accumulate,
        share,
        classes,
        new_classes,
        shots,
    )
    return Learner(
        init=partial(_init, parts),
        step=partial(_step, parts),
        transfers={NETWORK: parts.transfer},
        controller=controller,
        sample=partial(_sample, parts),
        evidence=partial(_evidence, parts),
        latents=Latents(partial(_draw, parts), partial(_generate, parts)),
        encoder=Encoder(partial(_reconstruct, parts), partial(_posterior, parts), by_class=bool(classes)),
        likelihood=Likelihood(partial(_log_likelihood, parts)),
        fit=partial(_fit, parts),
    )


def negative_elbo(
    vae: Vae,
    params: Tree,
    images: Array,
    noise: Array,
    knobs: Knobs,
    move: Callable[[Array], Array],
    labels: Array | None = None,
) -> tuple[Array, Metrics]:
    """Computes the loss, in nats per image, a mean over images.

    `L = w_kl KL(q(z|x) | N(0, I)) - w_rec E_q[log p(x|z)]`; with both weights at 1 the negative evidence lower bound.
    The KL may have free bits and a capacity, see `genjax.losses.variational.constrained_kl`.
    Of classes it is the bound on log p(x|y), of q(z|x, y) and p(x|z, y), and the prior of z is the same for all.
    (Kingma, Mohamed et al. 2014, eq. 6 without p(y))

    Args:
        vae: static parts.
        params: of the module.
        images: (n, h, w, c) in [-1, 1].
        noise: standard normal, (n, latent_size).
        knobs: `reconstruction_weight`, `kl_weight`, `free_nats`, `kl_capacity`.
        move: latents -> latents, of a transfer that moves them.
        labels: of the images (n,); None without classes.
    Returns:
        The loss (), and metrics: its parts, with the bound as it would be without weights.
    """
    mean, log_variance = vae.module.apply({"params": params}, images, **told(labels), method="encode")
    # z = mean + sigma * noise
    latents = move(reparameterize_with(noise, mean, log_variance))
    decoded = vae.module.apply({"params": params}, latents, **told(labels), method="decode")
    log_likelihood = vae.likelihood.log_density(images, decoded)
    kl_per_latent = gaussian_kl_per_latent(mean, log_variance)
    kl = kl_per_latent.sum(axis=-1)
    held = kl_per_latent.mean(axis=0).sum()
    if {"free_nats", "kl_capacity"} & set(vae.controller.sets):
        # Devices then have to agree on the mean of each latent before its gradient is known.
        held = constrained_kl(kl_per_latent, free=knobs["free_nats"], capacity=knobs["kl_capacity"])
    loss = knobs["kl_weight"] * held - knobs["reconstruction_weight"] * log_likelihood.mean()
    return loss, {
        "loss/total": loss,
        "loss/negative_elbo": (kl - log_likelihood).mean(),
        "loss/kl": kl.mean(),
        "loss/log_likelihood": log_likelihood.mean(),
        "loss/squared_error": jnp.square(images - vae.likelihood.to_image(decoded)).mean(),
    }


def _init(vae: Vae, key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
    params_key, start_key = jax.random.split(key)
    of, images = told(labels_in_turn(vae.classes, 1)), jnp.asarray(to_float(batch["image"][:1]))
    fresh = {NETWORK: vae.module.init(params_key, images, **of)["params"]}
    return start(
        start_key,
        fresh if source is None else source,
        expected=fresh,
        transfers={NETWORK: vae.transfer},
        optimizers={NETWORK: vae.optimizer},
        sampled=(NETWORK,),
        control=vae.controller.init(),
    )


def _step(vae: Vae, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
    """Takes one step: noise, the bound and its gradients, update, average, controllers."""
    noise_key, penalty_key = jax.random.split(jax.random.fold_in(state.key, state.step))
    images = in_parts(jnp.asarray(to_float(batch["image"])), 3, vae.accumulate)  # (parts, n, h, w, c)
    number = images.shape[0] * images.shape[1]
    labels = labels_of(batch, vae.classes)
    labels = labels if labels is None else in_parts(labels, 0, vae.accumulate)  # (parts, n)
    noise = vae.share(_draw(vae, noise_key, number).reshape(*images.shape[:2], vae.latent_size), 1)
    knobs = constant_knobs(vae.neutral) | vae.controller.knobs(state.control)
    tree, context = state.trainable[NETWORK], state.context[NETWORK]

    def loss_of(tree: Tree, images: Array, noise: Array, labels: Array | None) -> tuple[Array, Metrics]:
        return negative_elbo(
            vae,
            vae.transfer.params(tree, context),
            images,
            noise,
            knobs,
            lambda latents: vae.transfer.latents(tree, context, latents),
            labels,
        )

    gradients_of = partial(jax.grad(loss_of, has_aux=True), tree)
    gradients, metrics = averaged(gradients_of, vae.accumulate)(images, noise, labels)
    done, measured = descend(
        vae.optimizer,
        vae.transfer,
        gradients,
        state,
        NETWORK,
        knobs=knobs,
        key=penalty_key,
        forward=lambda params, latents: _forward(
            vae, params, latents, penalty_labels(penalty_key, vae.classes - vae.new_classes, len(latents))
        ),
    )
    return finish_step(
        state,
        {NETWORK: done},
        metrics | measured,
        {name: metrics[f"loss/{name}"] for name in ("squared_error", "kl", "log_likelihood")},
        knobs=knobs,
        controller=vae.controller,
        images=number,
        batch=number,
        half_life=vae.ema_images,
        fixed_images=lambda trained, key: vae.likelihood.to_image(
            _decode(vae, trained[NETWORK], context, _draw(vae, key, FIXED), labels_in_turn(vae.classes, FIXED))
        ),
        copies=measure_of(
            vae.shots, partial(_draw, vae), partial(_generate, vae), labels_apart(vae.classes, vae.shots)
        ),
    )


def _draw(vae: Vae, key: Array, n: int) -> Array:
    return jax.random.normal(key, (n, vae.latent_size))


def _decode(vae: Vae, tree: Tree, context: Tree, latents: Array, labels: Array | None) -> Array:
    """Decodes latents, moved where the transfer moves them, to the likelihood's input."""
    moved = vae.transfer.latents(tree, context, latents)
    params = vae.transfer.params(tree, context)
    return vae.module.apply({"params": params}, moved, **told(labels), method="decode")


def _forward(vae: Vae, params: Tree, latents: Array, labels: Array | None) -> tuple[Array, tuple[Array, ...]]:
    decoded, features = forward_with_features(vae.module, params, latents, **told(labels), method="decode")
    return vae.likelihood.to_image(decoded), features


def _generate(vae: Vae, networks: Networks, context: Networks, latents: Array, condition: Array | None = None) -> Array:
    """Decodes latents to images of these labels, of all classes in turn where none are given."""
    labels = labels_in_turn(vae.classes, len(latents)) if condition is None else condition
    return jnp.clip(vae.likelihood.to_image(_decode(vae, networks[NETWORK], context[NETWORK], latents, labels)), -1, 1)


def _sample(vae: Vae, state: TrainState, key: Array, n: int, condition: Array | None = None) -> Array:
    return _generate(vae, state.average, state.context, _draw(vae, key, n), condition)


def _posterior(
    vae: Vae, networks: Networks, context: Networks, images: Array, labels: Array | None = None
) -> tuple[Array, Array]:
    params = vae.transfer.params(networks[NETWORK], context[NETWORK])
    return vae.module.apply({"params": params}, to_float(images), **told(labels), method="encode")


def _reconstruct(vae: Vae, networks: Networks, context: Networks, images: Array, labels: Array | None = None) -> Array:
    return _generate(vae, networks, context, _posterior(vae, networks, context, images, labels)[0], labels)


def _log_likelihood(
    vae: Vae, networks: Networks, context: Networks, images: Array, latents: Array, labels: Array | None = None
) -> Array:
    decoded = _decode(vae, networks[NETWORK], context[NETWORK], latents, labels)
    return vae.likelihood.log_density(jnp.asarray(to_float(images)), decoded)


def _fit(vae: Vae, networks: Networks, context: Networks, batch: Batch, key: Array) -> Array:
    """Returns the negative evidence lower bound of each image (n,), in nats, by one draw of the latents."""
    images, labels = batch["image"], labels_of(batch, vae.classes)
    mean, log_variance = _posterior(vae, networks, context, images, labels)
    latents = reparameterize_with(_draw(vae, key, len(images)), mean, log_variance)
    log_likelihood = _log_likelihood(vae, networks, context, images, latents, labels)
    return gaussian_kl_per_latent(mean, log_variance).sum(axis=-1) - log_likelihood


def _evidence(vae: Vae, params: Networks, source: Networks, key: Array) -> Array:
    """Returns the evidence lower bound of a sample of the source: ()."""
    latent_key, noise_key = jax.random.split(key)
    labels = random_labels(jax.random.fold_in(key, 1), vae.classes, 1)
    images = jnp.clip(_forward(vae, source[NETWORK], _draw(vae, latent_key, 1), labels)[0], -1, 1)
    knobs, noise = constant_knobs(vae.neutral | {"kl_weight": 1.0}), _draw(vae, noise_key, 1)
    return -negative_elbo(vae, params[NETWORK], images, noise, knobs, lambda latents: latents, labels)[0]
