"""The family of flow models: a network that carries noise to images."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from genjax.control import Controllable, chain
from genjax.data import Dataset
from genjax.data.batches import Columns
from genjax.data.images import to_uint8
from genjax.errors import InputError
from genjax.families.chunks import in_chunks
from genjax.families.conditions import (
    IN,
    class_condition,
    classes_in_turn,
    column_name,
    column_of,
    example_column,
    numbers_of,
    shown_of,
    text_condition,
)
from genjax.families.family import Family, Preview, Stage, Trained, Training, by_choice
from genjax.families.flow.autoencoder import NETWORK as AUTOENCODER
from genjax.families.flow.canvas import canvas_of, example_of
from genjax.families.flow.ddpm.build import ddpm_process
from genjax.families.flow.ddpm.unet_2d import unet_2d
from genjax.families.flow.editing import Canvases, editor_of
from genjax.families.flow.few_steps import begun, check_drawing, check_few_steps, with_few_steps
from genjax.families.flow.guidance import guided
from genjax.families.flow.latents import (
    KEPT,
    encoded,
    facts_of,
    images_of,
    in_pixels,
    latents_of,
    rows_of,
    stages_before,
    with_autoencoder,
    with_decoder_steps,
)
from genjax.families.flow.learner import (
    KNOBS,
    NETWORK,
    SIGNALS,
    UNCERTAINTY,
    Flow,
    FlowModule,
    carried,
    drawn,
    field_of,
    losses_at,
    make_flow,
    unconditional,
    usual_solver,
    weighed,
)
from genjax.families.flow.networks import NETWORKS
from genjax.families.flow.options import FlowAdaptation, FlowConfig, FlowDrawing, check_typed
from genjax.families.flow.reference import Reference, check_reference
from genjax.families.flow.styles import TABLE, fitted_rows, with_style_rows
from genjax.families.learner import Batch, Learner, Networks
from genjax.families.model import NO_CONDITION, Condition, Model, ModelConfig
from genjax.families.render import draw_latents
from genjax.families.trained import trained_by_latents
from genjax.losses.flow import Process, edm, rectified
from genjax.losses.mean_flow import mean_flow
from genjax.models.uncertainty import Uncertainty
from genjax.transfer import Transfer, freeze, full
from genjax.transfer.auto import Rule
from genjax.transfer.transfer import Denoising, Offer
from genjax.tree import Tree

MEASURED = Controllable("flow model", SIGNALS, KNOBS, (NETWORK,))
CHUNK = 64  # images that are drawn at once


PROCESSES: dict[str, Callable[[FlowConfig], Process]] = {
    "rectified": lambda flow: rectified(flow.prediction, mean=flow.time_mean),
    "mean": lambda flow: mean_flow(mean=flow.time_mean, velocities=flow.mean.velocities, power=flow.mean.power),
    "edm": lambda flow: edm(),
    "ddpm": lambda flow: ddpm_process(flow.ddpm),
}


def process_of(flow: FlowConfig) -> Process:
    """Returns the process of these options."""
    if flow.space == "latents":  # which have no bounds to be kept in
        flow = dataclasses.replace(flow, ddpm=dataclasses.replace(flow.ddpm, clip=False))
    return PROCESSES[flow.process](flow)


def network_of(model: ModelConfig) -> FlowModule:
    """Makes the network of a model.

    Raises:
        InputError: one that does not fit the size or the condition.
    """
    return NETWORKS[model.options.network].build(model)


def measured_of(model: ModelConfig) -> Controllable:
    """Returns the signals and knobs of a model's learner; in latents it makes no images that shots could be held to."""
    if model.options.space == "pixels":
        return MEASURED
    return MEASURED._replace(name="flow in latents", signals=tuple(name for name in SIGNALS if name != "copies"))


def build_flow(model: ModelConfig, how: Training) -> Learner:
    """Builds the learner of a model.

    Args:
        model: its network and process.
        how: settings of its training.
    Raises:
        InputError: controllers that do not fit, or a network that does not fit the size.
    """
    flow, canvas, measured = model.options, canvas_of(model), measured_of(model)
    rate = how.learning_rate_scale * flow.learning_rate
    warmed = optax.linear_schedule(rate / (flow.warm_up_steps + 1), rate, flow.warm_up_steps)
    return make_flow(
        network_of(model),
        process_of(flow),
        size=canvas.size,
        channels=canvas.channels,
        condition=model.condition,
        optimizer=optax.adam(warmed if flow.warm_up_steps else rate),
        controller=how.controller(measured, among=with_autoencoder(model, measured)),
        null_probability=flow.null_probability,
        ema_widths=flow.ema_widths,
        preview_steps=flow.preview_steps,
        transfer=how.transfers.get(NETWORK, full()),
        accumulate=how.accumulate,
        bound=canvas.bound,
        uncertainty=Uncertainty() if flow.uncertainty else None,
        shots=how.shots,
    )


def _stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
    before = stages_before(model, how, with_autoencoder(model, measured_of(model)))
    learner, condition = build_flow(model, how), model.condition
    example, to_images = {**example_of(model), **example_column(condition)}, images_of(model)

    def of_set(dataset: Dataset, finished: Networks) -> Columns:
        return {"image": rows_of(model, finished, dataset)} | column_of(condition, dataset)

    def preview(shown: Dataset, finished: Networks, key: Array, n: int) -> Preview:
        latents = learner.latents
        if latents is None:
            raise ValueError("a flow has latents")
        inputs, numbers = {"latents": latents.draw(key, n)}, shown_of(condition, shown, n)
        if numbers is not None:
            inputs["condition"] = jnp.asarray(numbers)

        def make(networks: Networks, context: Networks, some: dict[str, Array]) -> Array:
            return to_images(finished, latents.generate(networks, context, **some))

        return Preview(inputs, make)

    needs = tuple(stage.name for stage in before)
    return (*before, Stage(NETWORK, learner, how.steps, example, columns=of_set, preview=preview, needs=needs))


def _stage_networks(model: ModelConfig) -> dict[str, tuple[str, ...]]:
    latents = {AUTOENCODER: (AUTOENCODER,)} if model.options.space == "latents" else {}
    return latents | {"flow": (NETWORK, UNCERTAINTY) if model.options.uncertainty else (NETWORK,)}


def _offers(model: ModelConfig) -> dict[str, Offer]:
    canvas, styles = canvas_of(model), model.condition.styles
    offer = Offer(
        latent_size=canvas.size**2 * canvas.channels,
        features=True,
        evidence=True,
        freeze=NETWORKS[model.options.network].freeze(canvas.size),
        denoising=Denoising(_drawn_rows, functools.partial(_denoising_losses, model)),
        rows=((TABLE, styles.new),) if styles is not None and styles.new else (),
    )
    before = {AUTOENCODER: Offer()} if model.options.space == "latents" else {}
    beside = {UNCERTAINTY: Offer(published=False)} if model.options.uncertainty else {}
    return before | {NETWORK: offer} | beside


def _drawn_rows(source: Model, key: Array, n: int) -> dict[str, np.ndarray]:
    """Returns a batch of images that a model draws, as many of each class; of texts it draws without one."""
    trained, condition = _trained(source), source.config.condition
    if condition.kind == "class":
        names = _every_class(condition, key, n)
        images, rows = trained.draw(key, n, names, None), {column_name(condition): numbers_of(condition, names)}
    elif trained.draw_latents is None or trained.render is None:
        raise ValueError("a flow has latents")
    else:
        images, nothing = trained.render(trained.draw_latents(key, n)), unconditional(flow_of(source.config), n)
        rows = {} if nothing is None else {column_name(condition): np.asarray(nothing)}
    return {"image": encoded(source.config, source.params(), images), **rows}


def _every_class(condition: Condition, key: Array, n: int) -> list[str]:
    """Returns n classes, as many of each; of a model with styles each in one of these by chance."""
    names = [condition.names[row * len(condition.names) // n] for row in range(n)]
    if condition.styles is None:
        return names
    styles = jax.random.randint(jax.random.fold_in(key, 1), (n,), 0, len(condition.styles.names))
    return [f"{name}{IN}{condition.styles.names[style]}" for name, style in zip(names, np.asarray(styles), strict=True)]


def _denoising_losses(model: ModelConfig, params: Tree, batch: Batch, quantiles: Array, key: Array) -> Array:
    flow = flow_of(model)._replace(null_probability=model.options.null_probability)
    return weighed(flow, losses_at(flow, params, batch, quantiles, *jax.random.split(key, 3))[1])


def _transfers(model: ModelConfig, choice: Sequence[Any], offers: Mapping[str, Offer]) -> dict[str, Transfer]:
    """Builds the chosen transfers for the flow; of an autoencoder an adaptation trains the decoder at most.

    The uncertainty of other images is another one, and is trained in full.
    """
    check_few_steps(model, choice)
    built = by_choice(model, choice, {NETWORK: offers[NETWORK]})
    others = {UNCERTAINTY: full(), AUTOENCODER: freeze(KEPT) if choice else full()}
    return {network: built[network] if network in built else others[network] for network in offers}


def _adapted(model: ModelConfig, adaptation: FlowAdaptation, images: int) -> ModelConfig:
    """Describes an adapted model in the terms of one that was trained."""
    return with_few_steps(with_decoder_steps(model, adaptation), adaptation)


def _begun(networks: Networks, model: ModelConfig) -> Networks:
    """Returns parameters of a source as an adapted model has them."""
    return with_style_rows(begun(networks, model), model)


def _fitted(networks: Networks, model: ModelConfig, source: ModelConfig, images: Dataset) -> Networks:
    """Returns these parameters with new styles where they fit the images best."""
    if model.condition.styles is None or source.condition.styles is None or not model.condition.styles.new:
        return networks
    rows, known = rows_of(model, networks, images), len(source.condition.styles.names)
    return networks | {NETWORK: fitted_rows(networks[NETWORK], flow_of(model), images, rows, known)}


def _condition(kind: str, options: FlowConfig, dataset: Dataset) -> Condition:
    """Makes the condition of a model from the set that it is trained on.

    Raises:
        InputError: a set without it, or styles that nothing would read.
    """
    if options.styles and (kind != "class" or options.network != "dit"):
        raise InputError(
            f"--flow.styles {options.styles} is for --condition class and --flow.network dit. Use both, or leave it"
            " out."
        )
    if kind == "class":
        return class_condition(dataset, options.styles)
    return text_condition(dataset, kind=options.text) if kind == "text" else NO_CONDITION


def _rules(model: ModelConfig) -> tuple[Rule, ...]:
    """Returns what `auto` means: a new style is a new row, and few steps are taught to the whole network."""
    styles = model.condition.styles
    if styles is not None and styles.new:
        return (Rule(None, "embedding"),)  # experiments/results/fonts.md
    if model.options.process == "mean":
        return (Rule(None, "full"),)
    # `full` is nearer (KD .45 and .63 in the mean of 3 seeds), and 45 % of its samples are copies of the ten shots, of
    # `lora` 2 %: a generator that repeats what it was given is of no use. (experiments/results/few_shot.md)
    return (Rule(30, "lora"), Rule(None, "full"))


def _trained(model: Model) -> Trained:
    learner = build_flow(model.config, Training(model.transfers, control=chain()))
    learner = in_pixels(model.config, learner, model.transfers)
    drawer_of = functools.lru_cache(maxsize=8)(functools.partial(_drawer, model))
    condition, without = model.config.condition, Reference(model, conditional=False)
    usual = usual_solver(process_of(model.config.options))

    def draw(
        key: Array, n: int, texts: Sequence[str] | None, options: Any, reference: Reference | None = None
    ) -> np.ndarray:
        chosen = options if isinstance(options, FlowDrawing) else FlowDrawing()
        solver, _ = chosen.decided(usual)
        check_drawing(model.config.options, solver, guided=chosen.guidance != 1 or reference is not None)
        if condition.kind == "text" and texts is None:
            raise InputError('this model draws what a text says. Say it with --text, such as --text "a red seven".')
        if texts is None and condition.kind == "class":
            texts = classes_in_turn(condition, n)
        if reference is None and chosen.guidance != 1:
            if texts is None:
                raise InputError(
                    f"--guidance {chosen.guidance:g} needs something to be guided away from. Train with --condition, or"
                    " name a model with --guide."
                )
            reference = without
        elif chosen.guidance == 1 and reference is not None:
            raise InputError("--guide names what to be guided away from, and --guidance 1 is none. Use --guidance 1.5.")
        latents = np.asarray(draw_latents(learner, key, n))
        rows = (latents,) if texts is None else (latents, numbers_of(condition, texts))
        return to_uint8(in_chunks(drawer_of(chosen, reference), *rows, chunk=CHUNK))

    def render(latents: Array) -> np.ndarray:
        nothing = unconditional(flow_of(model.config), len(latents))
        rows = (np.asarray(latents),) if nothing is None else (np.asarray(latents), np.asarray(nothing))
        return to_uint8(in_chunks(drawer_of(FlowDrawing(), None), *rows, chunk=CHUNK))

    def guided_by(other: Model, conditional: bool) -> Callable[..., np.ndarray]:
        check_reference(model, other)
        same = conditional and other.config.condition == condition
        return functools.partial(draw, reference=Reference(other, same))

    way = "by the autoencoder and the inverse ODE" if model.config.options.space == "latents" else "by the inverse ODE"
    # Along training there are fewer steps; a model on disk draws in as many whoever asks.
    trained = trained_by_latents(model, learner)._replace(
        draw=draw, render=render, guided=guided_by, there_and_back=way, facts=facts_of(model.config)
    )
    if condition.kind == "none":
        return trained
    ways = Canvases(latents_of(model.config), images_of(model.config))
    return trained._replace(edit=editor_of(model, flow_of(model.config), ways))


def _drawer(model: Model, chosen: FlowDrawing, reference: Reference | None) -> Any:
    """Makes the compiled function (latents, condition) -> images."""
    flow, known = flow_of(model.config), model.params()
    solver, steps = chosen.decided(usual_solver(flow.process))
    other, others, to_images = flow, known[NETWORK], images_of(model.config)
    if reference is not None and reference.model is not model:
        other, others = flow_of(reference.model.config), reference.model.params()[NETWORK]

    @jax.jit
    def draw(known: Networks, others: Tree, latents: Array, condition: Array | None = None) -> Array:
        params = known[NETWORK]
        if reference is None:
            return to_images(known, drawn(flow, params, condition, latents, steps, solver))
        given = condition if reference.conditional else unconditional(other, len(latents))
        field = guided(
            field_of(flow, params, condition),
            field_of(other, others, given),
            chosen.guidance,
            chosen.guidance_interval,
        )
        return to_images(known, carried(flow, field, latents, steps, solver))

    return functools.partial(draw, known, others)  # given, so that they are no constants of the program


def flow_of(model: ModelConfig) -> Flow:
    """Returns the static parts of a model that is drawn from."""
    flow, canvas = model.options, canvas_of(model)
    return Flow(
        network_of(model),
        process_of(flow),
        canvas.size,
        canvas.channels,
        model.condition,
        full(),
        0.0,
        flow.preview_steps,
        canvas.bound,
    )


FLOW = Family(
    name="flow",
    label="flow model",
    options=FlowConfig,
    measured=MEASURED,
    offers=_offers,
    stage_networks=_stage_networks,
    stages=_stages,
    trained=_trained,
    condition=_condition,
    conditions=("none", "class", "text"),
    adaptation=FlowAdaptation,
    adapted=_adapted,
    transfers=_transfers,
    begun=_begun,
    fitted=_fitted,
    check_typed=check_typed,
    sampling=FlowDrawing,
    functions=("draw_latents", "render", "reconstruct", "edit"),
    rules=_rules,
    candidates=("full", "lora", "freeze"),
    prefix="flow",
    public={"UNet2DModel": unet_2d},
)
