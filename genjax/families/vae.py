"""The VAE learner: maximises the evidence lower bound, or GECO's form of it. (Kingma & Welling 2014)"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.devices.sharding import Share, stay
from genjax.families.accumulate import averaged
from genjax.families.learner import (
    FIXED,
    FIXED_LATENTS,
    SHARED_KNOBS,
    SHARED_SIGNALS,
    Batch,
    Learner,
    Metrics,
    Module,
    Networks,
    TrainState,
    all_finite,
    constant_knobs,
    describe,
    forward_with_features,
    global_norm,
    moving_average,
    spread,
    start,
    update,
)
from genjax.losses.reconstruction import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    optimal_gaussian_log_likelihood,
)
from genjax.losses.variational import constrained_kl, gaussian_kl_per_latent, reparameterize_with
from genjax.transfer import Transfer, full
from genjax.tree import Tree

SIGNALS = ("squared_error", "kl", "log_likelihood", "vae_gradient_norm", *SHARED_SIGNALS)
KNOBS = (
    *("reconstruction_weight", "kl_weight", "free_nats", "kl_capacity"),
    *("vae_gradient_limit", "vae_gradient_skip"),
    *SHARED_KNOBS,
)


class Likelihood(NamedTuple):
    """How p(x|z) reads what the decoder gives: its log-density (n,) in nats, and its mean as an image in [-1, 1]."""

    log_density: Callable[[Array, Array], Array]
    to_image: Callable[[Array], Array]


LIKELIHOODS = {
    "gaussian": Likelihood(lambda images, mean: gaussian_log_likelihood(images, mean, scale=1.0), lambda mean: mean),
    "optimal_gaussian": Likelihood(optimal_gaussian_log_likelihood, lambda mean: mean),
    "bernoulli": Likelihood(bernoulli_log_likelihood, lambda logits: jnp.tanh(logits / 2)),
}


def make_vae(
    vae: Module,
    *,
    latent_size: int,
    likelihood: Likelihood,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    kl_weight: float = 1.0,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    accumulate: int = 1,
    share: Share = stay,
) -> Learner:
    """A learner for this module.

    It minimises `reconstruction_weight * -log p(x|z) + kl_weight * KL(q(z|x) | N(0, I))`, in nats per image. Both
    weights are knobs that a controller may set, and so are the free nats and the capacity of the KL; see
    `genjax.losses.variational.constrained_kl`.

    Args:
        vae: with the methods `encode` (images -> mean, log-variance) and `decode` (latents -> the likelihood's).
        latent_size: length of a latent vector.
        likelihood: of an image given its latents, from LIKELIHOODS.
        optimizer: of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        kl_weight: beta, unless a controller sets it.
        ema_images: half-life of the parameters' moving average; 0 is off.
        transfer: of encoder and decoder together; None is `full()`.
        accumulate: parts of a batch that are computed one after the other.
        share: how what a step draws lies on the devices.
    Raises:
        InputError: the controller reads a signal or sets a knob that this learner does not have.
    """
    controller = controller or chain()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    transfer = transfer or full()
    neutral = {"reconstruction_weight": 1.0, "free_nats": 0.0, "kl_capacity": 0.0}
    constrained = bool({"free_nats", "kl_capacity"} & set(controller.sets))

    def init(key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
        params_key, start_key = jax.random.split(key)
        fresh = {"vae": vae.init(params_key, jnp.asarray(to_float(batch["image"][:1])))["params"]}
        return start(
            start_key,
            fresh if source is None else source,
            expected=fresh,
            transfers={"vae": transfer},
            optimizers={"vae": optimizer},
            sampled=("vae",),
            control=controller.init(),
        )

    def decode(tree: Tree, context: Tree, latents: Array) -> Array:
        moved = transfer.latents(tree, context, latents)
        return vae.apply({"params": transfer.params(tree, context)}, moved, method="decode")

    def encode(tree: Tree, context: Tree, images: Array) -> tuple[Array, Array]:
        return vae.apply({"params": transfer.params(tree, context)}, images, method="encode")

    def forward(params: Tree, latents: Array) -> tuple[Array, tuple[Array, ...]]:
        decoded, features = forward_with_features(vae, params, latents, method="decode")
        return likelihood.to_image(decoded), features

    def objective(
        tree: Tree, context: Tree, images: Array, knobs: dict[str, Array], noise: Array
    ) -> tuple[Array, Metrics]:
        mean, log_variance = encode(tree, context, images)
        decoded = decode(tree, context, reparameterize_with(noise, mean, log_variance))
        log_likelihood = likelihood.log_density(images, decoded)
        kl_per_latent = gaussian_kl_per_latent(mean, log_variance)
        kl = kl_per_latent.sum(axis=-1)
        held = kl_per_latent.mean(axis=0).sum()
        if constrained:  # devices then have to agree on the mean of each latent before its gradient is known
            held = constrained_kl(kl_per_latent, free=knobs["free_nats"], capacity=knobs["kl_capacity"])
        loss = knobs["kl_weight"] * held - knobs["reconstruction_weight"] * log_likelihood.mean()
        return loss, {
            "loss/total": loss,
            "loss/negative_elbo": (kl - log_likelihood).mean(),
            "loss/kl": kl.mean(),
            "loss/log_likelihood": log_likelihood.mean(),
            "loss/squared_error": jnp.square(images - likelihood.to_image(decoded)).mean(),
        }

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        noise_key, penalty_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        images = jnp.asarray(to_float(batch["image"]))
        images = images.reshape(accumulate, -1, *images.shape[-3:])
        number = accumulate * images.shape[1]
        noise = share(latents(noise_key, number).reshape(*images.shape[:2], latent_size), 1)
        knobs = constant_knobs(neutral | {"kl_weight": kl_weight}) | controller.knobs(state.control)
        tree, context = state.trainable["vae"], state.context["vae"]

        def gradients_of(images: Array, noise: Array) -> tuple[Tree, Metrics]:
            return jax.grad(objective, has_aux=True)(tree, context, images, knobs, noise)

        gradients, metrics = averaged(gradients_of, accumulate)(images, noise)
        penalty, penalty_gradients = jax.value_and_grad(transfer.penalty)(tree, context, penalty_key, forward)
        weight = knobs.get("transfer_weight", jnp.ones(()))
        total = jax.tree.map(lambda first, second: first + weight * second, gradients, penalty_gradients)
        done = update(optimizer, total, state.optimizer["vae"], tree, knobs, "vae")
        average = moving_average(
            state.average["vae"], done.trainable, step=state.step, batch=number, half_life=ema_images
        )
        metrics |= {
            "penalty/transfer": penalty,
            "gradient_norm/loss": global_norm(gradients),
            "gradient_norm/penalty": global_norm(penalty_gradients),
        }
        signals = {
            "squared_error": metrics["loss/squared_error"],
            "kl": metrics["loss/kl"],
            "log_likelihood": metrics["loss/log_likelihood"],
            "vae_gradient_norm": done.gradient_norm,
            "loss_gradient_norm": metrics["gradient_norm/loss"],
            "penalty_gradient_norm": metrics["gradient_norm/penalty"],
            "images": jnp.float32(number),
            "finite": all_finite(metrics, {"vae": done}),
        }
        if "diversity" in controller.reads:
            fixed = latents(jax.random.fold_in(state.key, FIXED_LATENTS), FIXED)
            metrics["diversity"] = signals["diversity"] = spread(
                likelihood.to_image(decode(done.trainable, context, fixed))
            )
        state = dataclasses.replace(
            state,
            step=state.step + 1,
            trainable={"vae": done.trainable},
            average={"vae": average},
            optimizer={"vae": done.optimizer_state},
            control=controller.update(signals, state.control),
        )
        return state, metrics | describe({"vae": done}, knobs)

    def latents(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, latent_size))

    def generate(networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
        return jnp.clip(likelihood.to_image(decode(networks["vae"], context["vae"], latents)), -1, 1)

    def sample(state: TrainState, key: Array, n: int, condition: None = None) -> Array:
        return generate(state.average, state.context, latents(key, n), condition)

    def posterior(networks: Networks, context: Networks, images: Array) -> tuple[Array, Array]:
        return encode(networks["vae"], context["vae"], to_float(images))

    def log_likelihood(networks: Networks, context: Networks, images: Array, latents: Array) -> Array:
        decoded = decode(networks["vae"], context["vae"], latents)
        return likelihood.log_density(jnp.asarray(to_float(images)), decoded)

    def reconstruct(networks: Networks, context: Networks, images: Array) -> Array:
        return generate(networks, context, posterior(networks, context, images)[0])

    def evidence(params: Networks, source: Networks, key: Array) -> Array:
        latent_key, noise_key = jax.random.split(key)
        images = jnp.clip(forward(source["vae"], latents(latent_key, 1))[0], -1, 1)
        knobs = constant_knobs(neutral | {"kl_weight": 1.0})
        loss, _ = objective(params["vae"], (), images, knobs, latents(noise_key, 1))
        return -loss

    return Learner(
        init=init,
        step=step,
        latents=latents,
        generate=generate,
        sample=sample,
        reconstruct=reconstruct,
        transfers={"vae": transfer},
        evidence=evidence,
        controller=controller,
        encode=posterior,
        log_likelihood=log_likelihood,
    )
