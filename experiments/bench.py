# pyright: reportMissingImports=false
"""How fast genjax is: every case beside PyTorch, beside plain Flax, and beside what the machine can do, in turns.

    python experiments/bench.py              # the table; needs torch (pip install "genjax-images[peers]")
    python experiments/bench.py --quick      # few turns, without torch where it is not installed
    python experiments/bench.py --profile    # the convolutions alone, layer by layer, and what they leave of a step
    python experiments/bench.py --combine runs/1 runs/2 runs/3    # medians and spread over runs that were made

Absolute times on shared machines are noise: every figure is a ratio of two sides of one run. The limit is the time that
the step's floating-point operations would take at the rate of a product of two 2048x2048 float32 matrices. Writes
bench.json and bench.md into --out; with --profile, profile.json and profile.md.
"""

import dataclasses
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import tyro
from timing import Side, in_turns, matrix_product, product_rate, ratio

from genjax.devices import backend

backend.prepare()  # before jax is imported

import jax
import jax.numpy as jnp
import naive
import numpy as np
import optax
from bench_layers import STACKS, profile
from bench_layers import markdown as layers_markdown

from genjax.augment import AUGMENTATIONS
from genjax.augment.warp import warp
from genjax.config import GanConfig, ModelConfig, VaeConfig
from genjax.control import Controller, ada, chain
from genjax.data import load
from genjax.data.batches import batch_indices
from genjax.data.images import to_float
from genjax.devices import jaxpr_cost as estimate
from genjax.errors import InputError
from genjax.evaluate import frechet_distance_from_statistics
from genjax.families.build import build_learner
from genjax.families.gan import make_gan
from genjax.families.learner import Learner
from genjax.families.recipes import build_transfers
from genjax.families.vae import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL
from genjax.models.dcgan import Critic
from genjax.store.run_folder import write_bytes, write_json
from genjax.terminal import result, say, table
from genjax.tree import flatten

HAS_TORCH = importlib.util.find_spec("torch") is not None


@dataclass(frozen=True)
class Bench:
    """Times every case in turns: genjax, PyTorch, plain Flax, and the machine's matrix product."""

    out: Path = Path("runs/bench")
    """Folder for the figures."""
    cases: tuple[str, ...] = ()
    """Which cases; by default all."""
    turns: int = 9
    """Of each side; the medians count."""
    calls: int = 3
    """Of each side in a turn."""
    combine: tuple[Path, ...] = ()
    """Folders of runs: measure nothing, and write their medians into --out."""
    profile: bool = False
    """The convolutions of the DCGAN and the VAE alone, layer by layer, beside PyTorch's."""
    quick: bool = False
    """Two turns of small cases."""
    json: bool = False
    """Print the figures instead of the table."""


class Case(NamedTuple):
    """What is timed.

    Attributes:
        sides: {"genjax": ..., "torch": ..., "naive": ...}; those that there are.
        flops: of one call of genjax's side; 0 where that means nothing.
        calls: in a turn, as a multiple of the setting.
    """

    sides: dict[str, Side]
    flops: float = 0.0
    calls: int = 1


def main(settings: Bench) -> int:
    """Runs the cases; returns the exit code."""
    if settings.quick:
        settings = dataclasses.replace(settings, turns=2, calls=1, cases=settings.cases or ("demo", "sample_1"))
    if settings.profile:
        return finish_profile(settings)
    if settings.combine:
        return finish(combined(settings.combine), settings)
    unknown = [name for name in settings.cases if name not in CASES]
    if unknown:
        raise InputError(f"unknown case {unknown[0]!r}. Known: {', '.join(CASES)}.")
    if not HAS_TORCH:
        say('torch is not installed: no peer. Get it with pip install "genjax-images[peers]".')
    return finish([run(name, settings) for name in settings.cases or CASES], settings)


def finish(rows: list[dict[str, Any]], settings: Bench) -> int:
    """Writes and prints the table; returns the exit code."""
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "bench.json", rows)
    write_bytes(settings.out / "bench.md", markdown(rows).encode())
    result(json.dumps(rows, indent=1) if settings.json else shown(rows))
    return 0


def finish_profile(settings: Bench) -> int:
    """Times the layers, writes and prints them; returns the exit code."""
    steps = {name: CASES[name][1]().sides for name in STACKS}
    found = profile(steps, turns=settings.turns, calls=settings.calls)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_json(settings.out / "profile.json", found)
    write_bytes(settings.out / "profile.md", layers_markdown(found).encode())
    result(json.dumps(found, indent=1) if settings.json else layers_markdown(found))
    return 0


def combined(folders: tuple[Path, ...]) -> list[dict[str, Any]]:
    """A row a case: the median over runs of each number, and of a ratio the least and the greatest median too."""
    runs = []
    for folder in folders:
        path = folder / "bench.json"
        if not path.exists():
            raise InputError(f"{path} does not exist. Name folders that this bench has written.")
        runs.append({row["case"]: row for row in json.loads(path.read_text(encoding="utf-8"))})
    rows = []
    for name, first in runs[0].items():
        of_runs = [found[name] for found in runs if name in found]
        row = first | {"runs": len(of_runs)}
        for key, value in first.items():
            if isinstance(value, list):
                medians = [of_run[key][0] for of_run in of_runs]
                row[key] = [statistics.median(medians), min(medians), max(medians)]
            elif isinstance(value, float):
                row[key] = statistics.median(of_run[key] for of_run in of_runs)
        rows.append(row)
    return rows


def run(name: str, settings: Bench) -> dict[str, Any]:
    """The row of a case."""
    say(name)
    title, make = CASES[name]
    case = make()
    sides = dict(case.sides) | ({"product": matrix_product()} if case.flops else {})
    times = in_turns(sides, turns=settings.turns, calls=settings.calls * case.calls)
    row: dict[str, Any] = {"case": name, "title": title, "turns": settings.turns}
    row |= {f"{side}_ms": 1e3 * statistics.median(taken) for side, taken in times.items() if side != "product"}
    row |= {
        f"against_{side}": ratio(times[side], times["genjax"]) for side in ("torch", "naive", "sqrtm") if side in times
    }
    if case.flops:
        rates = [product_rate(taken) for taken in times["product"]]
        row["limit_ms"] = 1e3 * case.flops / statistics.median(rates)
        row["of_limit"] = row["limit_ms"] / row["genjax_ms"]
    return row


def model_of(family: str, size: int, channels: int, batch: int, r1_weight: float = 1.0) -> ModelConfig:
    """Networks of width 64."""
    return ModelConfig(family, size, channels, "float32", batch, GanConfig(r1_weight=r1_weight), VaeConfig())


def uint8_images(model: ModelConfig) -> np.ndarray:
    """A batch of noise."""
    shape = (model.batch, model.size, model.size, model.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def naive_learner(model: ModelConfig, controller: Controller) -> Learner:
    """The learner of genjax around plain Flax networks."""
    gan, vae = model.gan, model.vae
    if model.family == "vae":
        return make_vae(
            naive.Vae(model.size, model.channels, vae.width, vae.latent_size),
            latent_size=vae.latent_size,
            likelihood=LIKELIHOODS[vae.likelihood],
            optimizer=optax.adam(vae.learning_rate),
            controller=controller,
        )
    adam = optax.adam(gan.learning_rate, b1=gan.beta1, b2=gan.beta2)
    return make_gan(
        naive.Generator(model.size, model.channels, gan.width, gan.latent_size),
        naive.Critic(model.size, gan.width),
        latent_size=gan.latent_size,
        loss=ADVERSARIAL[gan.loss],
        optimizer=adam,
        critic_optimizer=adam,
        augment=AUGMENTATIONS["ada"] if controller.sets else None,
        controller=controller,
        r1_weight=gan.r1_weight,
    )


def training(model: ModelConfig, *, augmented: bool = False) -> Case:
    """A training step; the peers have the same parameters, and PyTorch's networks the same outputs."""
    controller = ada() if augmented else chain()
    learners = {
        "genjax": build_learner(model, build_transfers(None, model), controller),
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
    sides |= {side: stepper(learner, states[side], batch) for side, learner in learners.items()}
    return Case(sides, flops)


def stepper(learner: Learner, state: Any, batch: dict[str, np.ndarray]) -> Side:
    """Makes one step and waits for it."""
    step = jax.jit(learner.step, donate_argnums=0)

    def run() -> None:
        nonlocal state
        state, _ = step(state, batch)
        jax.block_until_ready(state)

    return run


def same_shapes(left: Any, right: Any) -> None:
    """Raises unless both sides have the same parameters, so that a ratio means something."""
    if jax.tree.map(jnp.shape, left) != jax.tree.map(jnp.shape, right):
        raise AssertionError("the two sides have different parameters")


def torch_training(model: ModelConfig, params: Any, learner: Learner, images: np.ndarray) -> Side:
    """PyTorch's step, with the same parameters; its networks are checked against ours first."""
    import peers
    import torch

    flat = {network: on_host(tree) for network, tree in params.items()}
    if model.family == "vae":
        vae = peers.Vae(model.size, model.channels, model.vae.width, model.vae.latent_size)
        peers.copied(vae, flat["vae"])
        latents = np.array(learner.latents(jax.random.key(1), 8))
        with torch.no_grad():
            check_images(learner, params, latents, vae.decoder(torch.from_numpy(latents)).clamp(-1, 1).numpy())
            theirs = vae.encoder(peers.to_torch(images)).chunk(2, 1)
        assert learner.encode is not None, "a VAE encodes"
        for ours, other in zip(learner.encode(params, {"vae": {}}, jnp.asarray(images)), theirs, strict=True):
            check_equal(np.asarray(ours), other.numpy())
        step = peers.vae_step(vae, learning_rate=model.vae.learning_rate)
    else:
        gan = model.gan
        generator = torch_generator(model, flat["generator"], learner, params)
        critic = peers.copied(peers.Critic(model.size, model.channels, gan.width), flat["critic"])
        ours = Critic(model.size, gan.width).apply({"params": params["critic"]}, to_float(images))
        with torch.no_grad():
            check_equal(np.asarray(ours), critic(peers.to_torch(images)).numpy())
        step = peers.gan_step(
            generator, critic, latent_size=gan.latent_size, learning_rate=gan.learning_rate, r1_weight=gan.r1_weight
        )
    return lambda: step(images)


def torch_generator(model: ModelConfig, flat: dict[str, np.ndarray], learner: Learner, params: Any) -> Any:
    """PyTorch's generator, with our parameters, checked against ours."""
    import peers
    import torch

    latents = np.array(learner.latents(jax.random.key(1), 8))
    theirs = peers.copied(peers.Generator(model.size, model.channels, model.gan.width, model.gan.latent_size), flat)
    with torch.no_grad():
        check_images(learner, params, latents, theirs(torch.from_numpy(latents)).numpy())
    return theirs


def on_host(tree: Any) -> dict[str, np.ndarray]:
    """{"up_8/kernel": array, ...}, writable, as torch wants them."""
    return {name: np.array(leaf) for name, leaf in flatten(tree).items()}


def check_images(learner: Learner, params: Any, latents: np.ndarray, theirs: np.ndarray) -> None:
    """Raises unless both networks make the same images of the same latents."""
    ours = learner.generate(params, {network: {} for network in params}, latents)
    check_equal(np.asarray(ours), theirs.transpose(0, 2, 3, 1))


def check_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raises unless two networks give the same, to 1e-4 of the largest number or of 1."""
    difference = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
    if difference > 1e-4:
        raise AssertionError(f"the networks differ by {difference:.1e}")


def sampling(batch: int) -> Case:
    """The DCGAN's images from latents on the host to images on the host."""
    model = model_of("gan", 32, 3, 64)
    learner = build_learner(model, build_transfers(None, model))
    params = jax.jit(lambda key: learner.init(key, {"image": uint8_images(model)}))(jax.random.key(0)).trainable
    latents = np.array(learner.latents(jax.random.key(1), batch))
    generate = jax.jit(learner.generate)
    plain = naive_learner(model, chain())
    plain_generate = jax.jit(plain.generate)
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
    return Case(sides, estimate.flops(learner.generate, params, context, latents), calls=8)


def resampling() -> Case:
    """64 images of 32x32x3 seen through maps, as ADA moves them: forward and the gradient in the images."""
    images = jax.random.uniform(jax.random.key(0), (64, 32, 32, 3), minval=-1.0)
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
    """The Fréchet distance from means and covariances, beside scipy's matrix root, as most public code has it."""
    from bench_metrics import textbook

    from genjax.evaluate.features.statistics import statistics_of

    rng = np.random.default_rng(0)
    features = (rng.standard_normal((2 * dim, dim)) @ rng.standard_normal((dim, dim)) for _ in range(2))
    numbers = [part for each in features for part in statistics_of(each)[:2]]
    return Case(
        {"genjax": lambda: frechet_distance_from_statistics(*numbers), "sqrtm": lambda: textbook(*numbers)}, calls=1
    )


def feeding() -> Case:
    """One batch of 64 digits, in the order of the seed; PyTorch's DataLoader shuffles the same images in memory."""
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
    "resample": ("resampling 64 images of 32x32x3 and its gradient", resampling),
    "frechet_192": ("FD from statistics, d = 192", lambda: frechet(192)),
    "frechet_2048": ("FD from statistics, d = 2048", lambda: frechet(2048)),
    "feeding": ("one batch of 64 digits", feeding),
}


def shown(rows: list[dict[str, Any]]) -> str:
    """The table for a terminal."""
    return table(HEADER, [cells(row) for row in rows])


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table for a page."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    return "\n".join([*lines, *("| " + " | ".join(cells(row)) + " |" for row in rows), ""])


HEADER = ("case", "genjax, ms", "times PyTorch's rate", "times plain Flax's", "times sqrtm's", "of the limit")


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row's texts: medians of the ratios, with the least and the greatest."""
    ratios = [
        "{:.2f} ({:.2f} .. {:.2f})".format(*row[f"against_{side}"]) if f"against_{side}" in row else ""
        for side in ("torch", "naive", "sqrtm")
    ]
    limit = f"{row['of_limit']:.0%}" if "of_limit" in row else ""
    return row["title"], f"{row['genjax_ms']:.3g}", *ratios, limit


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Bench, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
