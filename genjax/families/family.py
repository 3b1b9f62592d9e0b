"""The Family and Stage interfaces: all that the rest of the library knows of a kind of generator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from genjax.control import Controllable, Controller, build_controller, chain
from genjax.data import Dataset
from genjax.data.batches import Columns, columns
from genjax.families.classes import Tables
from genjax.families.conditions import column_of, no_condition, shown_of
from genjax.families.copies import Shots
from genjax.families.learner import Batch, Learner, Networks, TrainState
from genjax.families.model import NO_CONDITION, Condition, Model, ModelConfig
from genjax.families.public_checkpoint import Converted, PublicCheckpoint
from genjax.families.step import Share, stay
from genjax.transfer import Transfer
from genjax.transfer.auto import Rule
from genjax.transfer.registry import build
from genjax.transfer.transfer import Offer


@dataclass(frozen=True)
class NoOptions:
    """Options of a family that has none for this verb."""


class Preview(NamedTuple):
    """Images that are looked at and judged along training, made of the same inputs every time.

    Attributes:
        inputs: tree of arrays (n, ...): latents, conditions, or real images to reconstruct.
        make: (networks, context, inputs) -> images (n, h, w, c) in [-1, 1].
    """

    inputs: Any
    make: Callable[[Networks, Networks, Any], Array]


class Stage(NamedTuple):
    """One training loop of a model: a learner, its data, and how long it is trained.

    Attributes:
        name: of the stage, and of its folder where a model has several.
        learner: trained by the loop.
        steps: until it is done; 0 keeps the networks of the source as they are.
        example: batch of one row, whose shapes and types are those of all.
        columns: (dataset, params of finished networks) -> {name: rows (N, ...)}, which batches are taken from.
        preview: (images with captions, params of finished networks, key, n) -> Preview; None where nothing is made.
        needs: finished networks that this stage is of no use without.
        stream: number folded into the run's seed for this stage; None takes the seed itself.
        finish: (dataset, state) -> state after its last step, with what is measured once all is trained; None is as it
            is.
    """

    name: str
    learner: Learner
    steps: int
    example: Batch
    columns: Callable[[Dataset, Networks], Columns] = lambda dataset, finished: columns(dataset)
    preview: Callable[[Dataset, Networks, Array, int], Preview] | None = None
    needs: tuple[str, ...] = ()
    stream: int | None = None
    finish: Callable[[Dataset, TrainState], TrainState] | None = None

    def seed(self, seed: int) -> int:
        """Returns the seed of this stage in a run of that seed."""
        if self.stream is None:
            return seed
        with jax.ensure_compile_time_eval():  # it may be asked while shapes are traced
            return int(jax.random.randint(jax.random.fold_in(jax.random.key(seed), self.stream), (), 0, 1 << 30))


class Training(NamedTuple):
    """The settings by which the stages of a model are trained.

    Attributes:
        transfers: {network: its transfer}.
        control: options of the controllers, or a controller itself.
        others: signals and knobs of all families, to say for which of them an option would be.
        steps: of a family's only stage; families of several have options of their own.
        images: in the set, an epoch; 0 is unknown.
        learning_rate_scale: factor on the learning rates.
        accumulate: parts of a batch that are computed one after the other.
        share: layout of what a step draws on the devices.
        adaptation: the family's options of an adaptation; None for a pretraining.
        shots: images that are not to be copied, where a controller asks; None where it does not.
    """

    transfers: Mapping[str, Transfer]
    control: Any
    others: Sequence[Controllable] = ()
    steps: int = 0
    images: int = 0
    learning_rate_scale: float = 1.0
    accumulate: int = 1
    share: Share = stay
    adaptation: Any = None
    shots: Shots | None = None

    def controller(
        self, learner: Controllable, own: Sequence[Controller] = (), among: Controllable | None = None
    ) -> Controller:
        """Builds the controllers that fit a learner, and those that its family brings itself.

        Args:
            learner: signals and knobs.
            own: controllers of the family.
            among: signals and knobs of all stages together, where there are several.
        Raises:
            InputError: an option of a controller that does not fit.
        """
        if isinstance(self.control, Controller):
            return chain(self.control, *own) if own else self.control
        return build_controller(self.control, learner, own=own, among=among, others=self.others)


class Edited(NamedTuple):
    """Images that were brought to their noise and back, uint8 (n, h, w, c) each.

    Attributes:
        reconstructed: back as what they were.
        edited: back as what they were to become.
    """

    reconstructed: np.ndarray
    edited: np.ndarray


class Trained(NamedTuple):
    """The functions of a model on disk, with its parameters; what a model cannot do is None.

    Attributes:
        draw: (key, n, texts, sampling options) -> images (n, h, w, c), uint8. `texts`: n texts, or None for a model
            without a condition.
        guided: (other model, whether it is told the condition) -> `draw` with guidance away from that model; None where
            there is no guidance.
        draw_latents: (key, n) -> latents (n, d).
        render: latents (n, d) -> images uint8.
        reconstruct: uint8 images -> uint8 images, through the encoder and back; see `classes`.
        there_and_back: how it does that, in a few words, for the records of it.
        edit: (uint8 images, their classes or texts, those that they are to have, strength in (0, 1], sampling options)
            -> Edited. What they are may be None, which is not known; None of all where there is no condition.
        encode: uint8 images (n, h, w, c) -> mean and log-variance (n, d) of q(z|x).
        classes: those that an encoder is told; `reconstruct`, `encode` and `log_likelihood` then take the class of each
            image as well, by name and as their last argument. Empty where it needs none.
        log_likelihood: (uint8 images, latents) -> log p(x|z) in nats (n,).
        tokens: uint8 images -> tokens int32 (n, places), of `codes` codes.
        token_nats: (tokens, texts) -> -log p of the tokens given the texts, in nats (n,).
        codes: number of codes.
        density: what the likelihood is, in a word; empty where an image has no density of its own.
        no_density: the option by which an image has none.
        facts: (name, value) for reports.
        fit: (uint8 images, their classes or texts) -> how badly the model explains each (n,); see `Learner.fit`. Texts
            that are None are not known, where a model can do without.
    """

    draw: Callable[[Array, int, Sequence[str] | None, Any], np.ndarray]
    guided: Callable[[Model, bool], Callable[..., np.ndarray]] | None = None
    draw_latents: Callable[[Array, int], Array] | None = None
    render: Callable[[Array], np.ndarray] | None = None
    reconstruct: Callable[..., np.ndarray] | None = None
    there_and_back: str = ""
    edit: Callable[[np.ndarray, Sequence[str] | None, Sequence[str], float, Any], Edited] | None = None
    encode: Callable[..., tuple[Array, Array]] | None = None
    log_likelihood: Callable[..., Array] | None = None
    tokens: Callable[[Any], np.ndarray] | None = None
    token_nats: Callable[[np.ndarray, Sequence[str]], np.ndarray] | None = None
    codes: int = 0
    density: str = ""
    no_density: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    fit: Callable[[np.ndarray, Sequence[str] | None], np.ndarray] | None = None


def as_it_is(model: ModelConfig, adaptation: Any, images: int) -> ModelConfig:
    """Returns the source's config: that of an adaptation which changes nothing of it."""
    return model


def by_choice(model: ModelConfig, choice: Sequence[Any], offers: Mapping[str, Offer]) -> dict[str, Transfer]:
    """Builds the chosen transfers for every network, as what it offers allows."""
    return build(tuple(choice), offers)


class Family(NamedTuple):
    """A kind of generator.

    Attributes:
        name: as it is typed.
        label: as it is called in sentences.
        options: frozen dataclass of its options.
        measured: signals and knobs of its learner, the first stage's that makes images.
        offers: model config -> {network: what it offers to transfers}, in the order of their names.
        stage_networks: model config -> {stage: its networks}, in the order of training.
        stages: (model config, how to train) -> stages, in the order of training.
        trained: model -> its functions.
        condition: (kind, options, dataset) -> the condition of a model of these data.
        conditions: kinds that it can be trained under: none, class, text; the first where none is chosen.
        defaults: values of a training's options where they are not the common ones.
        adaptation: frozen dataclass of the options that an adaptation has beside the common ones.
        adapt_defaults: the same as `defaults` of an adaptation.
        adapted: (source's config, adaptation options, number of images) -> config of the adapted model.
        begun: (trees of a source's parameters, config of the adapted model) -> those that its adaptation begins from.
        tables: {network: names of its tables of classes, to which an adaptation may add rows}.
        fitted: (these, config of the adapted model, of the source, images) -> the same with what is new in them, such
            as the row of a style, where it fits the images best.
        transfers: (model config, chosen transfers, offers) -> {network: transfer}.
        check_typed: raises InputError for options of this family (of its model, an adaptation, a drawing) that were
            typed and that nothing would read; others are accepted.
        sampling: frozen dataclass of the options that `sample` has beside the common ones.
        functions: those of `Trained` that its models have, beside drawing.
        rules: config of the adapted model -> what `--transfer auto` means for it, by the number of shots.
        candidates: values of `--transfer` that `--select` tries beside that.
        prefix: of its options on the command line; empty where they stand alone.
        public: {architecture of a public checkpoint: how it becomes a model of this family}, for `genjax import`.
    """

    name: str
    label: str
    options: type
    measured: Controllable
    offers: Callable[[ModelConfig], dict[str, Offer]]
    stage_networks: Callable[[ModelConfig], dict[str, tuple[str, ...]]]
    stages: Callable[[ModelConfig, Training], tuple[Stage, ...]]
    trained: Callable[[Model], Trained]
    condition: Callable[[str, Any, Dataset], Condition] = no_condition
    conditions: tuple[str, ...] = ("none",)
    defaults: Mapping[str, Any] = {}
    adaptation: type = NoOptions
    adapt_defaults: Mapping[str, Any] = {}
    adapted: Callable[[ModelConfig, Any, int], ModelConfig] = as_it_is
    begun: Callable[[Networks, ModelConfig], Networks] = lambda networks, model: networks
    tables: Tables = MappingProxyType({})
    fitted: Callable[[Networks, ModelConfig, ModelConfig, Dataset], Networks] = lambda networks, *_: networks
    transfers: Callable[[ModelConfig, Sequence[Any], Mapping[str, Offer]], dict[str, Transfer]] = by_choice
    check_typed: Callable[[Any], None] = lambda options: None
    sampling: type = NoOptions
    functions: tuple[str, ...] = ()
    rules: Callable[[ModelConfig], Sequence[Rule]] = lambda model: ()
    candidates: tuple[str, ...] = ("full",)
    prefix: str = ""
    public: Mapping[str, Callable[[PublicCheckpoint], Converted]] = {}

    def networks(self, model: ModelConfig) -> tuple[str, ...]:
        """Returns the names of all networks, in the order of training."""
        return tuple(name for names in self.stage_networks(model).values() for name in names)

    def published(self, model: ModelConfig) -> tuple[str, ...]:
        """Returns the names of the networks that sampling needs."""
        offers = self.offers(model)
        return tuple(name for name in self.networks(model) if offers[name].published)


def image_example(model: ModelConfig) -> Batch:
    """Returns a batch of one black image of a model's size."""
    return {"image": np.zeros((1, model.size, model.size, model.channels), np.uint8)}


def all_columns(condition: Condition) -> Callable[[Dataset, Networks], Columns]:
    """Returns `Stage.columns` of everything that a set has, with labels as the model counts its classes."""
    return lambda dataset, finished: {**columns(dataset), **column_of(condition, dataset)}


def latent_preview(
    learner: Learner, condition: Condition = NO_CONDITION
) -> Callable[[Dataset, Networks, Array, int], Preview]:
    """Returns the preview of a learner that makes images of latents, and of the classes of the images shown."""
    made = learner.latents
    if made is None:
        raise ValueError("a learner without latents has no such preview")

    def preview(shown: Dataset, finished: Networks, key: Array, n: int) -> Preview:
        inputs, numbers = {"latents": made.draw(key, n)}, shown_of(condition, shown, n)
        if numbers is not None:
            inputs["condition"] = jax.numpy.asarray(numbers)
        return Preview(inputs, lambda networks, context, some: made.generate(networks, context, **some))

    return preview
