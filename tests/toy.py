"""A whole family in one file, to be copied: images that are one canvas, which four latents shift.

`G(z) = canvas + z K`, trained by the squared distance of its images to those of the batch: the canvas goes to their
mean. It is entered by one line, `FAMILIES["toy"] = TOY`; nothing in the package knows of it.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controllable, chain
from genjax.data.images import to_float
from genjax.families import step as shared
from genjax.families.accumulate import averaged, in_parts
from genjax.families.family import Family, Stage, Training, image_example, latent_preview
from genjax.families.learner import Batch, Latents, Learner, Metrics, Networks, TrainState
from genjax.families.model import ModelConfig
from genjax.families.trained import trained_by_latents
from genjax.limits import above_zero
from genjax.transfer import full
from genjax.transfer.transfer import Offer
from genjax.tree import Tree

NETWORK, LATENTS = "toy", 4
SIGNALS = (*shared.network_signals(NETWORK), *shared.SHARED_SIGNALS)
KNOBS = (*shared.network_knobs(NETWORK), *shared.SHARED_KNOBS)
MEASURED = Controllable("toy", SIGNALS, KNOBS, (NETWORK,))


@dataclass(frozen=True)
class ToyConfig:
    """Options of the family, on the command line after its prefix: `--toy.rate 0.1`."""

    rate: float = 0.1
    """Learning rate (Adam)."""

    def __post_init__(self) -> None:
        """Refuses a rate that no training could use."""
        above_zero("toy", self, "rate")


def draw(key: Array, n: int) -> Array:
    """Draws latents (n, 4)."""
    return jax.random.normal(key, (n, LATENTS))


def paint(params: Tree, latents: Array) -> Array:
    """Computes images (n, h, w, c): `canvas + z K`."""
    canvas = params["canvas"]["bias"]
    return canvas[None] + (latents @ params["shift"]["kernel"]).reshape(-1, *canvas.shape)


def evidence(params: Networks, source: Networks, key: Array) -> Array:
    """Computes log p(x|z) of a sample of the source under `params`, a Gaussian of unit scale: ()."""
    latent_key, noise_key = jax.random.split(key)
    latents = draw(latent_key, 1)
    mean = paint(source[NETWORK], latents)
    return -0.5 * jnp.square(mean + jax.random.normal(noise_key, mean.shape) - paint(params[NETWORK], latents)).sum()


def build(model: ModelConfig, how: Training) -> Learner:
    """Builds the learner of a model: what it is made of is static, its functions are pure."""
    controller, transfer = how.controller(MEASURED), how.transfers.get(NETWORK, full())
    optimizer = optax.adam(how.learning_rate_scale * model.options.rate)
    shape = (model.size, model.size, model.channels)

    def init(key: Array, batch: Batch, *, source: Networks | None = None) -> TrainState:
        kernel_key, start_key = jax.random.split(key)
        kernel = 0.1 * jax.random.normal(kernel_key, (LATENTS, shape[0] * shape[1] * shape[2]))
        fresh = {NETWORK: {"canvas": {"bias": jnp.zeros(shape)}, "shift": {"kernel": kernel}}}
        return shared.start(
            start_key,
            fresh if source is None else source,
            expected=fresh,
            transfers={NETWORK: transfer},
            optimizers={NETWORK: optimizer},
            sampled=(NETWORK,),
            control=controller.init(),
        )

    def images_of(tree: Tree, context: Tree, latents: Array) -> Array:
        return paint(transfer.params(tree, context), transfer.latents(tree, context, latents))

    def loss_of(tree: Tree, context: Tree, images: Array, latents: Array) -> tuple[Array, Metrics]:
        # |x - G(z)|^2, summed over an image and averaged over the batch
        loss = jnp.square(images - images_of(tree, context, latents)).sum(axis=(1, 2, 3)).mean()
        return loss, {"loss/distance": loss}

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        latent_key, penalty_key = jax.random.split(jax.random.fold_in(state.key, state.step))
        images = in_parts(jnp.asarray(to_float(batch["image"])), 3, how.accumulate)  # (parts, n, h, w, c)
        number = images.shape[0] * images.shape[1]
        latents = how.share(draw(latent_key, number).reshape(*images.shape[:2], LATENTS), 1)
        tree, context, knobs = state.trainable[NETWORK], state.context[NETWORK], controller.knobs(state.control)
        gradients_of = partial(jax.grad(loss_of, has_aux=True), tree, context)
        gradients, metrics = averaged(gradients_of, how.accumulate)(images, latents)
        done, measured = shared.descend(
            *(optimizer, transfer, gradients, state, NETWORK),
            knobs=knobs,
            key=penalty_key,
            forward=lambda params, latents: (paint(params, latents), ()),  # images, and no features
        )
        return shared.finish_step(
            *(state, {NETWORK: done}, metrics | measured, {}),  # it measures no signals of its own
            knobs=knobs,
            controller=controller,
            images=number,
            batch=number,
            half_life=100.0,
            fixed_images=lambda trained, key: generate(trained, state.context, draw(key, shared.FIXED)),
        )

    def generate(networks: Networks, context: Networks, latents: Array, condition: None = None) -> Array:
        return jnp.clip(images_of(networks[NETWORK], context[NETWORK], latents), -1, 1)

    def sample(state: TrainState, key: Array, n: int, condition: None = None) -> Array:
        return generate(state.average, state.context, draw(key, n))

    return Learner(init, step, {NETWORK: transfer}, controller, sample, evidence, latents=Latents(draw, generate))


def stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
    """Returns the one stage in which a model is trained."""
    learner = build(model, how)
    return (Stage("toy", learner, how.steps, image_example(model), preview=latent_preview(learner)),)


TOY = Family(
    name="toy",
    label="toy",
    options=ToyConfig,
    measured=MEASURED,
    offers=lambda model: {NETWORK: Offer(latent_size=LATENTS, evidence=True, freeze=("shift/*",))},
    stage_networks=lambda model: {"toy": (NETWORK,)},
    stages=stages,
    trained=lambda model: trained_by_latents(model, build(model.config, Training(model.transfers, control=chain()))),
    functions=("draw_latents", "render"),
    prefix="toy",
)
