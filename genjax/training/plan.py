"""A run before it runs: what it is made of, with everything checked and nothing computed yet."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jax

from genjax.config import AdaptConfig, ModelConfig, RunConfig, TrainConfig, from_json, to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.data import Dataset, few_shot, load
from genjax.data.batches import check_batch
from genjax.devices import backend
from genjax.devices.sharding import Layout, check_share, lay_out, sharing
from genjax.errors import InputError, lookup
from genjax.families.build import build_learner, check_names
from genjax.families.learner import Learner, Networks
from genjax.families.recipes import build_transfers, check_ratio, needs_fisher
from genjax.store.fisher import source_information
from genjax.store.lock import check_unlocked
from genjax.store.model import Model, Origin, ancestry, carried_control, load_model
from genjax.store.run_folder import RunFolder, check_free, read_config
from genjax.terminal import warn
from genjax.transfer.auto import AUTO, decided
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree, count

# What a resumed run may be given anew: nothing that a step depends on.
MAY_CHANGE = (
    *("out", "source", "steps"),
    *("log_every", "sample_every", "save_every", "evaluate_every", "evaluate_num"),
    *("devices", "shard_state", "steps_per_dispatch"),  # nothing but rounding
)
KINDS: dict[type, str] = {TrainConfig: "train", AdaptConfig: "adapt"}
Information = Callable[[AdaptConfig, Model], Networks]
C = TypeVar("C", bound=TrainConfig | AdaptConfig)


@dataclass(frozen=True)
class Plan:
    """A run that has passed every check.

    Attributes:
        folder: where it writes.
        config: what was asked for.
        model: the networks, with what was left open in the config decided.
        learner: how they are trained.
        images: to train on.
        held_out: to be judged against along training; None for no evaluation.
        batch: images in a batch.
        layout: of its devices.
        source: the model that is adapted; None for a pretraining.
        control: where the controllers begin; None for their own beginning.
    """

    folder: RunFolder
    config: TrainConfig | AdaptConfig
    model: ModelConfig
    learner: Learner
    images: Dataset
    held_out: Dataset | None
    batch: int
    layout: Layout
    source: Model | None = None
    control: Any = None

    @property
    def origin(self) -> Origin | None:
        """What the model is adapted from, where this is an adaptation."""
        if self.source is None or not isinstance(self.config, AdaptConfig):
            return None
        return Origin(self.config, self.source.identity, ancestry(self.config.source, self.source))


def fisher_information(config: AdaptConfig, source: Model) -> Networks:
    """The diagonal Fisher information of a source, kept beside it."""
    learner = build_learner(source.config, build_transfers(None, source.config))
    return source_information(config.source, source, learner, examples=config.ewc.examples)


def plan_training(config: TrainConfig, *, resume: bool = False, force: bool = False) -> Plan:
    """Everything that pretraining needs.

    Raises:
        InputError: anything that cannot be used.
    """
    folder = _checked_folder(config, resume=resume, force=force)
    check_dtype(config.dtype)
    layout = _layout(config, config.batch)
    images = load(
        config.data,
        size=config.size,
        channels=config.channels,
        split=config.split,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )
    model = ModelConfig(
        family=config.model,
        size=config.size,
        channels=images.images.shape[-1],
        dtype=config.dtype,
        batch=config.batch,
        gan=config.gan,
        vae=config.vae,
    )
    check_names(model)
    check_batch(len(images), config.batch)
    held_out = _held_out(config, model) if config.split == "train" else None
    if config.control.transfer_ratio:
        raise InputError("--control.transfer-ratio weighs the penalty of a transfer, and a pretraining has none.")
    learner = build_learner(
        model, build_transfers(None, model), config.control, accumulate=config.accumulate, share=sharing(layout)
    )
    return Plan(folder, config, model, learner, images, held_out, config.batch, layout)


def plan_adaptation(
    config: AdaptConfig, *, resume: bool = False, force: bool = False, information: Information = fisher_information
) -> Plan:
    """Everything that an adaptation needs.

    Args:
        config: what is adapted to what.
        resume: see `genjax.train.adapt`.
        force: the same.
        information: what the source's parameters matter, for the transfers that ask.
    Raises:
        InputError: anything that cannot be used.
    """
    source = load_model(config.source) if config.transfer == AUTO else None
    config = decided(config, source.config) if source else config
    folder = _checked_folder(config, resume=resume, force=force)
    source = source or load_model(config.source)
    model = source.config
    check_names(model, config)
    check_dtype(model.dtype)
    check_ratio(config)
    images = load(
        config.data,
        size=model.size,
        channels=model.channels,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )
    if config.shots:
        images = few_shot(images, config.shots, config.seed, stratify=config.stratify)
    batch = config.batch or min(model.batch, len(images))
    check_batch(len(images), batch)
    layout = _layout(config, batch)
    check_adaptable(source)
    transfers = build_transfers(config, model)
    for network, params in source.params().items():
        init = transfers[network].init  # refuses patterns that match nothing
        jax.eval_shape(lambda params, init=init: init(params, jax.random.key(0)), params)
    if needs_fisher(config):
        transfers = build_transfers(config, model, information(config, source))
    learner = build_learner(
        model,
        transfers,
        config.control,
        learning_rate_scale=config.learning_rate_scale,
        accumulate=config.accumulate,
        share=sharing(layout),
    )
    control = carried_control(config.source, learner) if config.control_state == "carry" else None
    return Plan(folder, config, model, learner, images, _held_out(config, model), batch, layout, source, control)


def check_dtype(dtype: str) -> None:
    """Raises InputError for bfloat16 on a CPU that would only imitate it."""
    if dtype == "bfloat16" and backend.on_cpu() and not backend.cpu_has_bfloat16():
        raise InputError(
            "--dtype bfloat16: this CPU does not compute in bfloat16, and would take longer to imitate it."
            " Use --dtype float32, or a TPU or GPU."
        )


def _layout(config: RunConfig, batch: int) -> Layout:
    layout = lay_out(config.devices, shard_state=config.shard_state)
    check_share(batch, config.accumulate, layout.devices)
    return layout


def check_adaptable(source: Model) -> None:
    """Raises InputError for a source whose latents are moved: what its parameters draw is not what it draws."""
    if any(transfer.latents is not same_latents for transfer in source.transfers.values()):
        raise InputError(
            "the source was adapted with a miner, which moves its latents, so that its parameters alone are not its"
            " images. Adapt its own source instead."
        )


def introduction(plan: Plan, trainable: Tree) -> list[str]:
    """Five lines: data, model, device, adaptation, folder."""
    images, model = plan.images, plan.model
    classes = f", {len(images.class_names)} classes" if images.class_names else ""
    networks = plan.learner.transfers
    numbers = {network: count(tree) for network, tree in trainable.items()}
    lines = [
        f"data     {images.name}, {len(images)} images of the {images.split} part{classes}, "
        f"{model.size}x{model.size}x{model.channels}",
        f"model    {model.family}, {' + '.join(f'{network} {numbers[network]:,}' for network in networks)} trained",
        device_line(plan.layout, model.dtype),
        _adaptation_line(plan),
        f"folder   {plan.folder.path}, {plan.config.steps} steps of {plan.batch} images",
    ]
    return lines


def device_line(layout: Layout, dtype: str) -> str:
    """On what a run computes, and in which type."""
    device = jax.devices()[0]
    many = f"{layout.devices} x " if layout.devices > 1 else ""
    hosts = f", {jax.process_count()} processes" if jax.process_count() > 1 else ""
    hosts += ", state shared" if layout.shard_state else ""
    return f"device   {many}{device.device_kind} ({device.platform}), {dtype}{hosts}"


def _adaptation_line(plan: Plan) -> str:
    if plan.origin is None:
        return "source   none: pretraining"
    config = plan.origin.config
    shots = f"{len(plan.images)} shots" if config.shots else "all images"
    return f"source   {config.source}, transfer {config.transfer}, {shots}"


def _checked_folder(config: TrainConfig | AdaptConfig, *, resume: bool, force: bool) -> RunFolder:
    folder = RunFolder(Path(config.out))
    check_name(folder.path)
    if isinstance(config, AdaptConfig):
        check_apart(config.source, folder.path)
    if not resume:
        check_free(folder, force=force)
    elif force:
        raise InputError("--resume goes on with a run and --force deletes it. Use one of them.")
    else:
        _check_same(config, saved_config(folder, type(config)))
        check_unlocked(folder.path)
    return folder


def check_name(path: Path) -> None:
    """Raises InputError for a path that cannot be written and read again under its name."""
    whole = os.path.abspath(path)
    try:
        whole.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            f"--out {str(path)!a} lies where this locale cannot name all letters of the path. Set PYTHONUTF8=1."
        ) from None
    if "[" in whole:  # checkpoints are put together by a pattern: they could be written and not read
        raise InputError(f"--out {path} lies in a folder with a bracket in its name ({whole}). Use one without.")


def check_apart(source: Path, out: Path) -> None:
    """Raises InputError where an adaptation would be written into its source or around it, which --force deletes."""
    one, other = Path(source).resolve(), Path(out).resolve()
    if one == other or one in other.parents or other in one.parents:
        raise InputError(f"--out {out} and --source {source} lie one in the other. Use another --out.")


def saved_config(folder: RunFolder, kind: type[C]) -> C:
    """The config that a run was begun with.

    Raises:
        InputError: no run there, one of the other kind, or one with an unknown key or a wrong value.
    """
    values = read_config(folder)
    found, wanted = values.get("kind"), KINDS[kind]
    if found == TEXT_TO_IMAGE:
        raise InputError(f"{folder.path} is a text-to-image model. Resume it without --model, or with its own.")
    if found != wanted:
        raise InputError(f"{folder.path} was made by `genjax {found}`. Resume it with the same command.")
    return from_json(kind, values["config"], where=str(folder.config))


def _check_same(config: RunConfig, saved: RunConfig) -> None:
    """Whether a run may go on under this config: every step must come out as it would have."""
    changed = changes(kept_settings(saved), kept_settings(config))
    if changed:
        raise InputError(
            f"a resumed run keeps its settings, and these differ: {changed}. "
            f"Leave them out, or start another run with --out."
        )


def held_out_images(config: TrainConfig | AdaptConfig, model: ModelConfig) -> Dataset:
    """What is held out of a run's set.

    Raises:
        InputError: nothing is.
    """
    return load(
        config.data,
        size=model.size,
        channels=model.channels,
        split="test",
        seed=config.seed,
        skip_broken=config.skip_broken,
    )


def kept_settings(config: RunConfig) -> dict[str, Any]:
    """{name: value} of what every step of a run depends on."""
    return {name: value for name, value in to_json(config).items() if name not in MAY_CHANGE}


def changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """``seed 0 -> 1; gan.width 8 -> 16``: the settings that are not the same; empty where all are."""
    old, new = dict(_named(before)), dict(_named(after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"{name} {old.get(name)!r} -> {new.get(name)!r}" for name in names)


def _named(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _named(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _held_out(config: TrainConfig | AdaptConfig, model: ModelConfig) -> Dataset | None:
    if not config.evaluate_every:
        return None
    images = held_out_images(config, model)
    if len(images) > 1:
        return images
    warn(f"one image of {images.name} is held out, too few to evaluate on along training: there will be no scores")
    return None


def described(plan: Plan, data_hash: str) -> dict[str, object]:
    """What config.json says of the run."""
    return {
        "kind": KINDS[type(plan.config)],
        "config": to_json(plan.config),
        "model": to_json(plan.model),
        "data_hash": data_hash,
    }


def run_config(folder: RunFolder) -> TrainConfig | AdaptConfig:
    """The config that a run of either kind was begun with.

    Raises:
        InputError: no run there, another kind, an unknown key or a wrong value.
    """
    values = read_config(folder)
    kind = lookup({name: kind for kind, name in KINDS.items()}, str(values.get("kind")), "kind of run")
    if not isinstance(values.get("config"), dict):
        raise InputError(f"{folder.config} lacks 'config': it is no run of this genjax. Train it again.")
    return from_json(kind, values["config"], where=str(folder.config))


def saved_data(folder: RunFolder) -> str:
    """Name of the set that a run was trained on.

    Raises:
        InputError: no run there.
    """
    config = read_config(folder).get("config", {})
    if not isinstance(config, dict) or not isinstance(config.get("data"), str):
        raise InputError(f"{folder.config} does not say what the run was trained on. Name the set with --data.")
    return config["data"]
