# pyright: reportMissingImports=false
"""Cases of the bench: what is timed, with a side for genjax and one for each peer."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.bench.peers.textbook import textbook_frechet
from experiments.bench.peers.twins import (
    HAS_TORCH,
    check_equal,
    model_of,
    naive_learner,
    on_host,
    same_shapes,
    shaken,
    torch_flow,
    torch_generator,
    torch_training,
    uint8_images,
)
from experiments.common.calls import latents_of, stepper
from experiments.common.timing import Side
from genjax.augment.warp import warp
from genjax.config import ModelConfig
from genjax.control import ada, chain
from genjax.data import load
from genjax.data.batches import batch_indices
from genjax.devices import jaxpr_cost as estimate
from genjax.evaluate import frechet_distance_from_statistics
from genjax.evaluate.features.statistics import statistics_of
from genjax.families.flow.family import flow_of
from genjax.families.flow.learner import carried, field_of
from genjax.families.registry import build_learner


class Case(NamedTuple):
    """Work to time, a side for each implementation.

    Attributes:
        sides: {"genjax": ..., "torch": ..., "compiled": PyTorch's `torch.compile`, "naive": ...}, those that exist.
        flops: operations of one call of genjax's side; 0 where that means nothing.
        calls: calls in a turn, as a multiple of the setting.
    """

    sides: dict[str, Side]
    flops: float = 0.0
    calls: int = 1


def training(model: ModelConfig, *, augmented: bool = False) -> Case:
    """Builds a training step; the peers have the same parameters, and PyTorch's networks the same outputs."""
    controller = ada() if augmented else chain()
    learners = {
        "genjax": build_learner(model, control=controller),
        "naive": naive_learner(model, controller),
    }
    images = uint8_images(model)
    batch = {"image": images}
    states = {
        side: jax.jit(lambda key, learner=learner: learner.init(key, batch))(jax.random.key(0))
        for side, learner in learners.items()
    }
    same_shapes(*(state.trainable for state in states.values()))
    flops = estimate.flops(learners["genjax"].step, states["genjax"], batch)
    sides = {}
    if HAS_TORCH and not augmented:  # PyTorch cannot differentiate the gradient of its resampling, as R1 asks for
        sides["torch"] = torch_training(model, states["genjax"].trainable, learners["genjax"], images)
    sides |= {
        side: stepper(jax.jit(learner.step, donate_argnums=0), states[side], batch)
        for side, learner in learners.items()
    }
    return Case(sides, flops)


def sampling(batch: int) -> Case:
    """Builds the sampling of a DCGAN, from latents on the host to images on the host."""
    model = model_of("gan", 32, 3, 64)
    learner = build_learner(model)
    made = latents_of(learner)
    params = jax.jit(lambda key: learner.init(key, {"image": uint8_images(model)}))(jax.random.key(0)).trainable
    latents = np.array(made.draw(jax.random.key(1), batch))
    generate = jax.jit(made.generate)
    plain = naive_learner(model, chain())
    plain_generate = jax.jit(latents_of(plain).generate)
    context = {network: {} for network in params}
    sides: dict[str, Side] = {}
    if HAS_TORCH:
        import torch

        theirs = torch_generator(model, on_host(params["generator"]), learner, params)

        def sample() -> object:
            with torch.inference_mode():
                return theirs(torch.from_numpy(latents)).numpy()

        sides["torch"] = sample
    sides["genjax"] = lambda: np.asarray(generate(params, context, latents))
    sides["naive"] = lambda: np.asarray(plain_generate(params, context, latents))
    return Case(sides, estimate.flops(made.generate, params, context, latents), calls=8)


def flow_training() -> Case:
    """Builds a training step of the default flow model, beside PyTorch's as it is and as it compiles it."""
    model = model_of("flow", 32, 3, 64)
    learner, images = build_learner(model, control=chain()), uint8_images(model)
    batch = {"image": images}
    state = jax.jit(lambda key: learner.init(key, batch))(jax.random.key(0))
    sides: dict[str, Side] = {}
    if HAS_TORCH:
        import torch

        from experiments.bench.peers.dit import flow_step

        for name, compiled in (("torch", False), ("compiled", True)):
            network = torch_flow(model, shaken(state.trainable["flow"]))
            step = flow_step(network, learning_rate=model.options.learning_rate, compiled=compiled)
            sides[name] = functools.partial(step, torch.from_numpy(images))
    sides["genjax"] = stepper(jax.jit(learner.step, donate_argnums=0), state, batch)
    return Case(sides, estimate.flops(learner.step, state, batch))


def flow_sampling() -> Case:
    """Builds 64 images of the default flow model by Heun's method in 18 steps, from noise on the host to images."""
    model, steps = model_of("flow", 32, 3, 64), 18
    learner, flow = build_learner(model), flow_of(model)
    made = latents_of(learner)
    batch = {"image": uint8_images(model)}
    params = shaken(jax.jit(lambda key: learner.init(key, batch))(jax.random.key(0)).trainable["flow"])
    latents = np.array(made.draw(jax.random.key(1), model.batch))
    noisy = latents.reshape(-1, 32, 32, 3)

    def draw(params: Any, latents: Any) -> Any:
        return carried(flow, field_of(flow, params, None), latents, steps, "heun")

    generate = jax.jit(draw)
    sides: dict[str, Side] = {}
    if HAS_TORCH:
        import torch

        from experiments.bench.peers.dit import solved

        network = torch_flow(model, params)
        noise = torch.from_numpy(noisy).permute(0, 3, 1, 2).contiguous()

        def sampled(velocity: Any) -> object:
            with torch.inference_mode():
                return solved(velocity, noise, steps).numpy()

        theirs = sampled(network).transpose(0, 2, 3, 1)  # type: ignore[attr-defined]
        check_equal(np.asarray(generate(params, latents)), theirs)
        sides |= {
            "torch": functools.partial(sampled, network),
            "compiled": functools.partial(sampled, torch.compile(network)),
        }
    sides["genjax"] = lambda: np.asarray(generate(params, latents))
    # XLA counts the body of a loop once, which is one call; Heun's steps but the last are two calls each
    once = estimate.flops(lambda params, z: field_of(flow, params, None)(z, jnp.float32(0.5)), params, noisy)
    return Case(sides, (2 * steps - 1) * once)


def resampling() -> Case:
    """Builds the resampling of 64 images of 32x32x3 through maps, as ADA moves them, and its gradient in the images."""
    images = jax.random.uniform(jax.random.key(0), (64, 32, 32, 3), minval=-1.0)
    # Homogeneous 3x3 maps near the identity: a tenth of a standard normal in the upper two rows
    maps = jnp.eye(3) + 0.1 * jax.random.normal(jax.random.key(1), (64, 3, 3)).at[:, 2].set(0.0)
    gradient = jax.jit(jax.grad(lambda images: jnp.square(warp(images, maps)).sum()))
    sides: dict[str, Side] = {"genjax": lambda: jax.block_until_ready(gradient(images))}
    if HAS_TORCH:
        import torch
        from torch.nn import functional

        theirs = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).contiguous().requires_grad_()
        their_maps = torch.from_numpy(np.array(maps[:, :2]))

        def resample() -> object:
            theirs.grad = None
            grid = functional.affine_grid(their_maps, list(theirs.shape), align_corners=False)
            functional.grid_sample(theirs, grid, padding_mode="border", align_corners=False).square().sum().backward()
            return theirs.grad

        sides["torch"] = resample
    return Case(sides, calls=4)


def frechet(dim: int) -> Case:
    """Builds the Fréchet distance from means and covariances, beside its textbook form."""
    rng = np.random.default_rng(0)
    # Twice as many samples as dimensions, mixed, so that covariances have full rank and are no multiple of the identity
    features = (rng.standard_normal((2 * dim, dim)) @ rng.standard_normal((dim, dim)) for _ in range(2))
    numbers = [part for each in features for part in statistics_of(each)[:2]]
    return Case(
        {"genjax": lambda: frechet_distance_from_statistics(*numbers), "sqrtm": lambda: textbook_frechet(*numbers)},
        calls=1,
    )


def feeding() -> Case:
    """Builds one batch of 64 digits in the order of the seed, beside PyTorch's DataLoader on these images."""
    images = load("digits", split="all").images
    everything = images[np.arange(len(images))]
    step = 0

    def ours() -> object:
        nonlocal step
        step += 1
        return images[batch_indices(len(images), 64, 0, step)]

    sides: dict[str, Side] = {"genjax": ours}
    if HAS_TORCH:
        import torch
        from torch.utils.data import DataLoader, TensorDataset

        def forever() -> Iterator[Any]:
            loader = DataLoader(TensorDataset(torch.from_numpy(everything)), batch_size=64, shuffle=True)
            while True:
                yield from loader

        batches = forever()
        sides["torch"] = lambda: next(batches)
    return Case(sides, calls=50)


CASES: dict[str, tuple[str, Callable[[], Case]]] = {
    "dcgan": ("DCGAN step, 32x32x3, batch 64", lambda: training(model_of("gan", 32, 3, 64, r1_weight=0.0))),
    "demo": ("demo's GAN step with R1, 16x16x1, batch 64", lambda: training(model_of("gan", 16, 1, 64))),
    "demo_ada": ("the same with ADA", lambda: training(model_of("gan", 16, 1, 64), augmented=True)),
    "vae": ("VAE step, 32x32x3, batch 128", lambda: training(model_of("vae", 32, 3, 128))),
    "sample_1": ("sampling, 32x32x3, 1 image", lambda: sampling(1)),
    "sample_64": ("sampling, 32x32x3, 64 images", lambda: sampling(64)),
    "flow": ("flow step, 32x32x3, patch 4, batch 64", flow_training),
    "sample_flow": ("sampling of a flow, 32x32x3, 64 images, 18 Heun steps", flow_sampling),
    "resample": ("resampling 64 images of 32x32x3 and its gradient", resampling),
    "frechet_192": ("FD from statistics, d = 192", lambda: frechet(192)),
    "frechet_2048": ("FD from statistics, d = 2048", lambda: frechet(2048)),
    "feeding": ("one batch of 64 digits", feeding),
}
