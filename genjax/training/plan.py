"""The plan of a run: what it is made of, with everything checked and nothing computed yet."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
from numpy.typing import ArrayLike

from genjax.config.run import KINDS, AdaptConfig, RunConfig, TrainConfig, check_captions, config_to_json
from genjax.data import Dataset, check_batch, spread_out
from genjax.data.captioned import with_captions
from genjax.data.request import EmptySplitError
from genjax.devices.sharding import Layout, check_share, lay_out, sharing
from genjax.errors import InputError
from genjax.evaluate.run_data import held_out_images, images_hash, load_images, shots_of, training_split
from genjax.families.classes import with_new_classes
from genjax.families.conditions import column_of, labels_in, with_new_styles
from genjax.families.copies import different_shots
from genjax.families.family import Family, NoOptions, Stage, Training
from genjax.families.learner import Networks
from genjax.families.model import Model, ModelConfig, check_adaptable
from genjax.families.registry import FAMILIES, model_to_json, other_families
from genjax.store.description import ancestry, carried_control
from genjax.store.fisher import fisher_information
from genjax.store.lock import check_unlocked
from genjax.store.model import Origin, load_model
from genjax.store.run_config import changes, kept_settings, saved_config, usual_settings
from genjax.store.run_folder import RunFolder, check_free, stage_folder
from genjax.store.selection import as_selected, read_selection
from genjax.terminal import warn
from genjax.training.plan_checks import (
    check_apart,
    check_dtype,
    check_images,
    check_name,
    check_outside,
    check_said,
    check_source_there,
    check_trained,
)
from genjax.transfer.auto import Auto
from genjax.transfer.embedding import check_rows, with_new_rows
from genjax.transfer.registry import check_ratio, fisher_examples, images_drawn, needs_fisher, resolved
from genjax.transfer.registry import names as transfer_names
from genjax.transfer.replay import STREAM as REPLAYED
from genjax.transfer.transfer import Offer
from genjax.tree import count

Information = Callable[[Path, Model, int], Networks]  # (folder, source, examples) -> Fisher information


def measured_information(run: Path, source: Model, examples: int) -> Networks:
    """Estimates the Fisher information of a source."""
    return fisher_information(run, source, examples=examples)


@dataclass(frozen=True)
class Plan:
    """A run that has passed every check.

    Attributes:
        folder: where it writes.
        config: what was asked for, with what was left open decided.
        model: config of the networks.
        stages: in the order of training.
        images: to train on.
        held_out: at most `config.evaluate_num`, to be judged against along training; None for no evaluation.
        batch: images in a batch.
        layout: of its devices.
        source: the model that is adapted; None for a pretraining.
        control: {stage: state in which its controllers begin}; a stage that is not there begins with their own.
    """

    folder: RunFolder
    config: TrainConfig | AdaptConfig
    model: ModelConfig
    stages: tuple[Stage, ...]
    images: Dataset
    held_out: Dataset | None
    batch: int
    layout: Layout
    source: Model | None = None
    control: Mapping[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """Returns the family of the model."""
        return FAMILIES[self.model.family]

    @property
    def origin(self) -> Origin | None:
        """Returns what the model is adapted from, where this is an adaptation."""
        if self.source is None or not isinstance(self.config, AdaptConfig):
            return None
        return Origin(self.config, self.source.identity, ancestry(self.config.source, self.source))

    def stage_folder(self, stage: Stage) -> RunFolder:
        """Returns the folder in which a stage writes."""
        return stage_folder(self.folder.path, stage.name, [one.name for one in self.stages])

    def data_hash(self) -> str:
        """Returns the sha256 of all that the model sees of the images."""
        return images_hash(self.model.condition.kind, self.images)


def plan_training(
    config: TrainConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None
) -> Plan:
    """Prepares a pretraining.

    Args:
        config: what is trained on what.
        resume: go on with the run in that folder.
        force: delete a run that is in that folder.
        dataset: images to train on, in place of `config.data`.
    Raises:
        InputError: anything that cannot be used.
    """
    family, folder = config.family, _checked_folder(config, resume=resume, force=force)
    check_dtype(config.dtype)
    layout = _layout(config, config.batch)
    images = _images(dataset, config, config.condition, size=config.size, channels=config.channels, split=config.split)
    check_images(images, config.size, images.images.shape[-1])
    model = ModelConfig(
        family=family.name,
        size=config.size,
        channels=images.images.shape[-1],
        dtype=config.dtype,
        batch=config.batch,
        options=config.model,
        condition=family.condition(config.condition, config.model, images),
    )
    check_batch(len(images), config.batch)
    held_out = _held_out(config, model) if config.split == "train" else None
    if config.control.transfer_ratio:
        raise InputError("--control.transfer-ratio weighs the penalty of a transfer, and a pretraining has none.")
    if config.control.copies:
        raise InputError("--control.copies looks for copies of the shots, and a pretraining has none. Leave it out.")
    stages = family.stages(model, _training(config, layout, {}, images))
    return Plan(folder, config, model, stages, images, held_out, config.batch, layout)


def plan_adaptation(
    config: AdaptConfig,
    *,
    resume: bool = False,
    force: bool = False,
    dataset: Dataset | None = None,
    information: Information = measured_information,
    draw: bool = True,
) -> Plan:
    """Prepares an adaptation.

    Args:
        config: what is adapted to what.
        resume: go on with the run in that folder.
        force: delete a run that is in that folder.
        dataset: images of which the shots are taken, in place of `config.data`.
        information: estimates the Fisher information of the source, for the transfers that ask.
        draw: whether the source draws what transfers replay; False leaves that out of what a step needs.
    Raises:
        InputError: anything that cannot be used.
    """
    if resume:
        saved_config(RunFolder(Path(config.out)), AdaptConfig)  # refuses a run of the other kind before all else
        check_source_there(config)
        selection = read_selection(RunFolder(Path(config.out))) if config.select else None
        config = as_selected(config, selection) if selection else config
    source = load_model(config.source)
    family = FAMILIES[source.config.family]
    target = functools.cache(functools.partial(_target, config, source.config, dataset))
    config = _decided(config, family, source.config, target)
    folder = _checked_folder(config, resume=resume, force=force)
    if config.control.transfer_ratio:
        check_ratio(config.transfers)
    if config.control.copies and config.control.copies_by == "penalty":
        check_ratio(config.transfers, "copies-by penalty")
    images = target()
    model = _adapted_model(config, source.config, images)
    check_dtype(model.dtype)
    labels = labels_in(column_of(model.condition, images))  # refuses words and classes that the source does not know
    if model.condition.kind == "text":
        check_said(images)
    batch = config.batch or min(model.batch, len(images))
    check_batch(len(images), batch)
    layout = _layout(config, batch)
    check_adaptable(source)
    offers = family.offers(model)
    transfers, params = family.transfers(model, config.transfers, offers), family.begun(source.params(), model)
    trained = {  # refuses patterns that match nothing
        network: jax.eval_shape(lambda tree, init=transfer.init: init(tree, jax.random.key(0))[0], params[network])
        for network, transfer in transfers.items()
    }
    check_rows(offers, trained, transfer_names(config.transfers))
    informed = offers
    if needs_fisher(config.transfers):
        found = information(config.source, source, fisher_examples(config.transfers))
        informed = {
            name: offer._replace(fisher=with_new_rows(found.get(name), params[name], offer.rows))
            for name, offer in informed.items()
        }
    if draw and (number := images_drawn(config.transfers)):
        informed = {name: _with_drawn(offer, source, config.seed, number) for name, offer in informed.items()}
    if informed is not offers:
        transfers = family.transfers(model, config.transfers, informed)
    stages = family.stages(model, _training(config, layout, transfers, images, labels))
    check_trained({network: count(tree) for network, tree in trained.items()}, stages, config.transfers)
    control = _carried(config, stages) if config.control_state == "carry" else {}
    return Plan(folder, config, model, stages, images, _held_out(config, model), batch, layout, source, control)


def _target(config: AdaptConfig, source: ModelConfig, dataset: Dataset | None) -> Dataset:
    """Loads the images that a source is adapted to: the shots, or all of a set."""
    request: dict[str, Any] = {"size": source.size, "channels": source.channels, "split": training_split(config)}
    images = _images(dataset, config, source.condition.kind, **request)
    check_images(images, source.size, source.channels)
    return shots_of(config, images)


def _with_drawn(offer: Offer, source: Model, seed: int, number: int) -> Offer:
    """Returns what a network offers with rows that the source drew, where it can be trained on them."""
    if offer.denoising is None:
        return offer
    key = jax.random.fold_in(jax.random.key(seed), REPLAYED)
    return offer._replace(drawn=offer.denoising.draw(source, key, number))


def _training(
    config: TrainConfig | AdaptConfig,
    layout: Layout,
    transfers: Mapping[str, Any],
    images: Dataset,
    labels: ArrayLike = (),
) -> Training:
    """Collects how the stages are to be trained."""
    adapting = isinstance(config, AdaptConfig)
    control = config.control
    return Training(
        transfers=transfers,
        control=control,
        others=other_families(),
        steps=config.steps,
        images=len(images),
        learning_rate_scale=config.learning_rate_scale if adapting else 1.0,
        accumulate=config.accumulate,
        share=sharing(layout),
        adaptation=config.adaptation if adapting else None,
        shots=different_shots(images.images, control.copies_every, labels) if control.copies else None,
    )


def _decided(config: AdaptConfig, family: Family, source: ModelConfig, target: Callable[[], Dataset]) -> AdaptConfig:
    """Replaces what depends on the source: `auto`, and options of an adaptation that were left out.

    Raises:
        InputError: options of another family.
    """
    adaptation = config.adaptation
    if isinstance(adaptation, NoOptions):
        adaptation = family.adaptation()
    if type(adaptation) is not family.adaptation:
        raise InputError(f"{type(adaptation).__name__} are not options of an adapted {family.label}. Leave them out.")
    check_captions(config.captions, family, source.condition.kind)
    config = dataclasses.replace(config, adaptation=adaptation)
    if not any(isinstance(one, Auto) for one in config.transfers):
        return config
    images, shots = target(), config.shots or len(config.shots_of) or None
    model = _adapted_model(config, source, images)
    if model.condition.styles is not None and model.condition.styles.new:
        shots = len(images)  # all images of a new style are its shots
    return dataclasses.replace(config, transfer=resolved(config.transfers, family.rules(model), shots))


def _adapted_model(config: AdaptConfig, source: ModelConfig, images: Dataset) -> ModelConfig:
    """Describes the model that an adaptation of a source to these images trains."""
    family = FAMILIES[source.family]
    model = family.adapted(source, config.adaptation, len(images))
    condition = with_new_styles(model.condition._replace(new=0), images)
    if config.new_classes:
        if not family.tables:
            able = " or a ".join(one.label for one in FAMILIES.values() if one.tables)
            raise InputError(f"--new-classes: {config.source} is a {family.label}. Leave it out, or adapt a {able}.")
        condition = with_new_classes(condition, images)
    return dataclasses.replace(model, condition=condition)


def _carried(config: AdaptConfig, stages: tuple[Stage, ...]) -> dict[str, Any]:
    every = [stage.name for stage in stages]
    if any("annealed_rate" in stage.learner.controller.sets for stage in stages if stage.steps):
        raise InputError(
            "--control-state carry would go on where learning rates were annealed to their end. Use --control-state"
            " reset."
        )
    return {stage.name: carried_control(config.source, stage.learner, stage.name, every) for stage in stages}


def _layout(config: RunConfig, batch: int) -> Layout:
    layout = lay_out(config.devices, shard_state=config.shard_state)
    check_share(batch, config.accumulate, layout.devices)
    return layout


def _checked_folder(config: TrainConfig | AdaptConfig, *, resume: bool, force: bool) -> RunFolder:
    folder = RunFolder(Path(config.out))
    check_name(folder.path)
    check_outside(config.data, folder.path)
    if isinstance(config, AdaptConfig):
        check_apart(config.source, folder.path)
    if not resume:
        check_free(folder, force=force)
    elif force:
        raise InputError("--resume goes on with a run and --force deletes it. Use one of them.")
    else:
        saved = kept_settings(saved_config(folder, type(config)))
        changed = changes(saved, kept_settings(config), usual_settings(config))
        if changed:
            raise InputError(
                f"a resumed run keeps its settings, and these differ: {changed}. "
                f"Leave them out, or start another run with --out."
            )
        check_unlocked(folder.path)
    return folder


def _images(dataset: Dataset | None, config: TrainConfig | AdaptConfig, condition: str, **request: Any) -> Dataset:
    """Loads the images of `config.data`, or takes those that were given in their place."""
    if dataset:
        return with_captions(dataset, config.captions) if condition == "text" else dataset
    own: dict[str, Any] = {
        "num": config.num_images,
        "seed": config.seed,
        "quiet": True,
    }  # the run says what it leaves out
    return load_images(condition, config.data, **request, **own, **config.reading)


def _held_out(config: TrainConfig | AdaptConfig, model: ModelConfig) -> Dataset | None:
    if not config.evaluate_every:
        return None
    try:
        images = spread_out(held_out_images(config, model, quiet=True), config.evaluate_num)
        reason = _unscorable(images, model)
    except EmptySplitError:
        images, reason = None, f"no image of {config.data} is held out to evaluate on along training"
    if reason:
        warn(f"{reason}: there will be no scores")
        return None
    return images


def _unscorable(images: Dataset, model: ModelConfig) -> str:
    """Says why a run cannot be judged by these held-out images; empty where it can."""
    vocabulary = model.condition.vocabulary
    if vocabulary and not vocabulary.readable(images.captions):
        return f"no held-out caption of {images.name} has only words that are trained on"
    if len(images) < 2:
        return f"one image of {images.name} is held out, too few to evaluate on along training"
    pixels = images.images[:]
    return f"the {len(images)} held-out images of {images.name} are all alike" if (pixels == pixels[:1]).all() else ""


def described(plan: Plan, data_hash: str) -> dict[str, object]:
    """Returns what config.json says of the run."""
    return {
        "kind": KINDS[type(plan.config)],
        "config": config_to_json(plan.config),
        "model": model_to_json(plan.model),
        "data_hash": data_hash,
        "images": len(plan.images),
        "source": plan.source.identity if plan.source else "",
    }
