# pyright: reportMissingImports=false
"""Twins of genjax's networks in PyTorch and plain Flax: built, filled with its parameters, and checked against it."""

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.bench.peers import plain_flax
from experiments.common.calls import latents_of
from experiments.common.timing import Side
from genjax.augment import AUGMENTATIONS
from genjax.config import GanConfig, ModelConfig, VaeConfig
from genjax.control import Controller
from genjax.data.images import to_float
from genjax.families.flow.family import network_of
from genjax.families.flow.options import FlowConfig
from genjax.families.gan.learner import make_gan
from genjax.families.learner import Learner
from genjax.families.vae.learner import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic
from genjax.tree import flatten

HAS_TORCH = importlib.util.find_spec("torch") is not None


def model_of(family: str, size: int, channels: int, batch: int, r1_weight: float = 1.0) -> ModelConfig:
    """Config of networks of width 64, and of the default flow model."""
    options = {"gan": GanConfig(r1_weight=r1_weight), "vae": VaeConfig(), "flow": FlowConfig()}[family]
    return ModelConfig(family, size, channels, "float32", batch, options)


def uint8_images(model: ModelConfig) -> np.ndarray:
    """Draws a batch of noise."""
    shape = (model.batch, model.size, model.size, model.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def naive_learner(model: ModelConfig, controller: Controller) -> Learner:
    """Builds the learner of genjax around plain Flax networks."""
    if model.family == "vae":
        vae: VaeConfig = model.options
        return make_vae(
            plain_flax.Vae(model.size, model.channels, vae.width, vae.latent_size),
            latent_size=vae.latent_size,
            likelihood=LIKELIHOODS[vae.likelihood],
            optimizer=optax.adam(vae.learning_rate),
            controller=controller,
        )
    gan: GanConfig = model.options
    adam = optax.adam(gan.learning_rate, b1=gan.beta1, b2=gan.beta2)
    return make_gan(
        plain_flax.Generator(model.size, model.channels, gan.width, gan.latent_size),
        plain_flax.Critic(model.size, gan.width),
        latent_size=gan.latent_size,
        loss=ADVERSARIAL[gan.loss],
        optimizer=adam,
        critic_optimizer=adam,
        augment=AUGMENTATIONS["ada"] if controller.sets else None,
        controller=controller,
        r1_weight=gan.r1_weight,
    )


def same_shapes(left: Any, right: Any) -> None:
    """Raises AssertionError unless both sides have the same parameters, so that a ratio means something."""
    if jax.tree.map(jnp.shape, left) != jax.tree.map(jnp.shape, right):
        raise AssertionError("the two sides have different parameters")


def torch_training(model: ModelConfig, params: Any, learner: Learner, images: np.ndarray) -> Side:
    """Makes PyTorch's step with the same parameters, after its networks are checked against ours."""
    import torch

    from experiments.bench.peers import pytorch

    flat = {network: on_host(tree) for network, tree in params.items()}
    if model.family == "vae":
        vae = pytorch.Vae(model.size, model.channels, model.options.width, model.options.latent_size)
        pytorch.copy_parameters(vae, flat["vae"])
        latents = np.array(latents_of(learner).draw(jax.random.key(1), 8))
        with torch.no_grad():
            check_images(learner, params, latents, vae.decoder(torch.from_numpy(latents)).clamp(-1, 1).numpy())
            theirs = vae.encoder(pytorch.to_torch(images)).chunk(2, 1)
        encode = learner.encoder.encode if learner.encoder else None
        assert encode is not None, "a VAE encodes"
        for ours, other in zip(encode(params, {"vae": {}}, jnp.asarray(images)), theirs, strict=True):
            check_equal(np.asarray(ours), other.numpy())
        step = pytorch.vae_step(vae, learning_rate=model.options.learning_rate)
    else:
        gan: GanConfig = model.options
        generator = torch_generator(model, flat["generator"], learner, params)
        critic = pytorch.copy_parameters(pytorch.Critic(model.size, model.channels, gan.width), flat["critic"])
        ours = Critic(model.size, gan.width).apply({"params": params["critic"]}, to_float(images))
        with torch.no_grad():
            check_equal(np.asarray(ours), critic(pytorch.to_torch(images)).numpy())
        step = pytorch.gan_step(
            generator, critic, latent_size=gan.latent_size, learning_rate=gan.learning_rate, r1_weight=gan.r1_weight
        )
    return lambda: step(images)


def torch_generator(model: ModelConfig, flat: dict[str, np.ndarray], learner: Learner, params: Any) -> Any:
    """Makes PyTorch's generator with our parameters, checked against ours."""
    import torch

    from experiments.bench.peers import pytorch

    latents = np.array(latents_of(learner).draw(jax.random.key(1), 8))
    theirs = pytorch.copy_parameters(
        pytorch.Generator(model.size, model.channels, model.options.width, model.options.latent_size), flat
    )
    with torch.no_grad():
        check_images(learner, params, latents, theirs(torch.from_numpy(latents)).numpy())
    return theirs


def torch_flow(model: ModelConfig, params: Any) -> Any:
    """Makes PyTorch's network of a flow with our parameters, checked against ours."""
    import torch

    from experiments.bench.peers import dit, pytorch

    options, size = model.options.dit, model.size
    network: Any = network_of(model)
    theirs = dit.Dit(size, model.channels, network.patch_size, options.width, options.depth, options.heads)
    pytorch.copy_parameters(theirs, on_host(params))
    images, times = np.array(to_float(uint8_images(model)))[:8], np.linspace(0.05, 0.95, 8, dtype=np.float32)
    with jax.default_matmul_precision("highest"):  # on a GPU products are short by default
        ours = network.apply({"params": params}, images, times, None)
    with torch.no_grad():
        given = theirs(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(times))
    check_equal(np.asarray(ours), given.permute(0, 2, 3, 1).numpy())
    return theirs


def shaken(params: Any) -> Any:
    """Moves all parameters: many are zero at first, and two networks would be equal whatever they compute."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: leaf + 0.02 * rng.standard_normal(leaf.shape, np.float32), params)


def on_host(tree: Any) -> dict[str, np.ndarray]:
    """Copies a tree to {"up_8/kernel": array, ...}, writable, as torch wants them."""
    return {name: np.array(leaf) for name, leaf in flatten(tree).items()}


def check_images(learner: Learner, params: Any, latents: np.ndarray, theirs: np.ndarray) -> None:
    """Raises AssertionError unless both networks make the same images of the same latents."""
    ours = latents_of(learner).generate(params, {network: {} for network in params}, latents)
    check_equal(np.asarray(ours), theirs.transpose(0, 2, 3, 1))


def check_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raises AssertionError where two outputs differ by over 1e-4 of the largest number or of 1."""
    difference = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
    if difference > 1e-4:
        raise AssertionError(f"the networks differ by {difference:.1e}")
