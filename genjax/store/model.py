"""A model on disk: parameters alone, small, in safetensors files that execute nothing, and what they belong to.

model/model.json names one file a network, with its sha256. A network that a transfer made out of its source (low-rank
updates, frozen parts) holds only what was trained and names the identity of that source; any other is whole.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from genjax.config import AdaptConfig, ModelConfig, from_json, read_json, to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.errors import InputError
from genjax.families.build import build_learner
from genjax.families.learner import Learner, Networks, TrainState, exported
from genjax.families.recipes import NETWORKS, SAMPLED, build_transfers
from genjax.store.run_folder import RunFolder, is_run, read_config, write_bytes, write_json
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree, check_alike, count, difference, flatten, refill, unflatten

FORM = 1
TRIES = 20  # to read a model whose run goes on meanwhile and replaces it


@dataclass(frozen=True)
class Model:
    """What sampling and adapting need.

    Attributes:
        config: of the modules.
        networks: {network: trainable tree}, averaged where it makes images.
        context: {network: what its transfer keeps of the source}.
        transfers: {network: its transfer}.
        identity: sha256 over its files.
        step: at which it was saved.
    """

    config: ModelConfig
    networks: Networks
    context: Networks
    transfers: dict[str, Transfer]
    identity: str
    step: int

    def params(self) -> Networks:
        """{network: params}, what the modules are applied with."""
        return {name: self.transfers[name].params(tree, self.context[name]) for name, tree in self.networks.items()}


@dataclass(frozen=True)
class Origin:
    """What an adapted model was made from.

    Attributes:
        config: of the adaptation.
        identity: of the source's model.
        ancestry: what that was made from, the oldest first, itself the last.
    """

    config: AdaptConfig
    identity: str
    ancestry: tuple[dict[str, str], ...] = ()


def save_model(
    run: Path,
    config: ModelConfig,
    state: TrainState,
    transfers: Mapping[str, Transfer],
    *,
    origin: Origin | None = None,
    which: str = "latest",
) -> None:
    """Writes the model of this state and then drops the one before, so that a reader always finds a whole one.

    Args:
        run: its folder.
        config: of the modules.
        state: whose averages are written where there are some.
        transfers: {network: its transfer}.
        origin: of an adaptation.
        which: latest or best.
    """
    step, folder = int(state.step), RunFolder(run).model(which)
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for network, tree in exported(state).items():
        whole = is_whole(transfers[network], tree, state.context[network])
        kept = transfers[network].params(tree, state.context[network]) if whole else tree
        content = safetensors.numpy.save({name: np.asarray(leaf) for name, leaf in flatten(kept).items()})
        sha256 = hashlib.sha256(content).hexdigest()
        # The same step may be written twice, after a rollback: a file that a reader is at keeps what it held.
        file = f"{network}-{step:06d}-{sha256[:8]}.safetensors"
        write_bytes(folder / file, content)
        entries[network] = {"file": file, "sha256": sha256, "whole": whole}
    values: dict[str, Any] = {"form": FORM, "step": step, "model": to_json(config), "networks": entries}
    values["control"] = {name: [str(leaf.dtype), leaf.tolist()] for name, leaf in _scalars(state.control).items()}
    if origin is not None:
        path = os.path.relpath(origin.config.source.resolve(), run.resolve())
        values |= {"adapted": to_json(origin.config), "source": {"path": path, "identity": origin.identity}}
        values["ancestry"] = list(origin.ancestry)
    write_json(folder / "model.json", values)
    current = {entry["file"] for entry in entries.values()}
    for old in folder.glob("*.safetensors"):
        if old.name not in current:
            old.unlink()


def is_whole(transfer: Transfer, trainable: Tree, context: Tree) -> bool:
    """Whether a network is written as its parameters, which need no source: where what is trained is no smaller."""
    params = jax.eval_shape(transfer.params, trainable, context)
    return transfer.latents is same_latents and count(trainable) >= count(params)


def ancestry(run: Path, model: Model) -> tuple[dict[str, str], ...]:
    """Which models led to this one, the oldest first and itself the last: identity, data and transfer of each."""
    values = _read_description(run, "latest")[0]
    adapted = values.get("adapted", {})
    data = adapted.get("data") or read_json(RunFolder(run).config).get("config", {}).get("data", "unknown")
    own = {"identity": model.identity, "data": str(data), "transfer": str(adapted.get("transfer", "none"))}
    return (*values.get("ancestry", ()), own)


def carried_control(run: Path, learner: Learner) -> Any:
    """The state in which a run's controllers ended, for a learner with the same controllers.

    Raises:
        InputError: they are not the same.
    """
    values = _read_description(run, "latest")[0].get("control", {})
    like = learner.controller.init()
    kept = {name: jax.device_put(np.asarray(value, dtype)) for name, (dtype, value) in values.items()}
    lines = difference(kept, like)
    if lines:
        raise InputError(
            f"the controllers of {run} are not those of this adaptation, so that their state cannot be carried:"
            f" {'; '.join(lines[:3])}. Use the same --control settings, or --control-state reset."
        )
    return refill(like, kept)


def _scalars(control: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in flatten(control).items()}


def read_model_config(run: Path, *, which: str = "latest") -> ModelConfig:
    """The config of a run's model, without its parameters.

    Raises:
        InputError: no model there, or a damaged description.
    """
    return _read_description(run, which)[1]


def _read_description(run: Path, which: str) -> tuple[dict[str, Any], ModelConfig]:
    where = RunFolder(run).model(which) / "model.json"
    if not run.is_dir() or not where.exists():
        if is_run(RunFolder(run)) and read_config(RunFolder(run)).get("kind") == TEXT_TO_IMAGE:
            raise InputError(f"{run} is a text-to-image model, and a GAN or VAE is needed here. Name one.")
        if which == "best" and (RunFolder(run).model() / "model.json").exists():
            raise InputError(
                f"{run} has no best model, as none was evaluated along its training. Use --which latest, or train with"
                " --evaluate-every."
            )
        raise InputError(f"{run} holds no model. Name the folder of a run that genjax has made.")
    values = read_json(where)
    if not isinstance(values.get("model"), dict):
        raise InputError(f"{where} lacks 'model': it is no model of this genjax. Train the run again.")
    return values, from_json(ModelConfig, values["model"], where=str(where))


def load_model(run: Path, *, which: str = "latest", source: Path | None = None, sampled_only: bool = False) -> Model:
    """The model of a run.

    Args:
        run: its folder.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved since.
        sampled_only: only the networks that make images, which is enough for sampling.
    Raises:
        InputError: no model there, a file that is damaged or of another model, a source that is missing or not its
            own.
    """
    where = RunFolder(run).model(which) / "model.json"
    for _ in range(TRIES):
        written = _content(where)
        try:
            return _load(run, which, source, sampled_only=sampled_only)
        except InputError:
            if _content(where) == written:
                raise
    raise InputError(f"{where} changes faster than it can be read. Try again when the run has stopped.")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _load(run: Path, which: str, source: Path | None, *, sampled_only: bool, above: tuple[Path, ...] = ()) -> Model:
    """The model as it is described at this moment; `above` are the runs that lie on it."""
    values, config = _read_description(run, which)
    where = RunFolder(run).model(which) / "model.json"
    if source and "adapted" not in values:
        raise InputError(f"{run} was adapted from no other run, and --source {source} names one. Leave it out.")
    try:
        needed = (SAMPLED if sampled_only else NETWORKS)[config.family]
        entries: dict[str, Any] = {name: values["networks"][name] for name in needed}
        trees = {name: _read(where.parent, entry) for name, entry in entries.items()}
        hashes = [values["networks"][name]["sha256"] for name in NETWORKS[config.family]]
        partial = [name for name, entry in entries.items() if not entry["whole"]]
        step = int(values["step"])
        adapted = from_json(AdaptConfig, values["adapted"], where=str(where)) if partial else None
        origin = source or run / values["source"]["path"] if partial or source else None
        expected = values["source"]["identity"] if partial or source else ""
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} lacks {error}: it is no model of this genjax. Train the run again.") from None
    check_fitting({name: tree for name, tree in trees.items() if name not in partial}, config, run)
    identity = hashlib.sha256("".join(hashes).encode()).hexdigest()
    model = Model(
        config=config,
        networks={name: unflatten(tree) for name, tree in trees.items()},
        context=dict.fromkeys(trees, ()),
        transfers={name: full() for name in trees},
        identity=identity,
        step=step,
    )
    if origin is None:
        return model
    base = _own_source(run, origin, expected, sampled_only=sampled_only, above=(*above, run.resolve()))
    return _on_source(model, base, adapted, {name: trees[name] for name in partial}, run) if adapted else model


def check_fitting(trees: Networks, config: ModelConfig, run: Path) -> None:
    """Raises InputError unless the parameters on disk are those of the networks that model.json describes."""
    images = jax.ShapeDtypeStruct((1, config.size, config.size, config.channels), np.uint8)
    learner = build_learner(config, build_transfers(None, config))
    expected = jax.eval_shape(learner.init, jax.random.key(0), {"image": images}).trainable
    for network, tree in trees.items():
        check_alike(tree, expected[network], what=f"the {network} of {run}")


def _own_source(run: Path, origin: Path, expected: str, *, sampled_only: bool, above: tuple[Path, ...]) -> Model:
    """The model that this run was adapted from."""
    if origin.resolve() in above:
        raise InputError(f"{run} says that it was adapted from itself. Name its own source with --source.")
    if not origin.is_dir():
        raise InputError(f"{run} was adapted from {origin}, which is not there. Say where it lies now with --source.")
    base = _load(origin, "latest", None, sampled_only=sampled_only, above=above)
    if base.identity != expected:
        raise InputError(
            f"{run} was adapted from the model {expected[:12]}, and {origin} holds {base.identity[:12]}. "
            "Name its own source with --source, or adapt again from this one."
        )
    return base


def _on_source(
    model: Model, base: Model, adapted: AdaptConfig, trees: Mapping[str, dict[str, Any]], run: Path
) -> Model:
    """The model with its partial networks completed by what their transfers keep of the source."""
    transfers = build_transfers(adapted, model.config)
    networks, context, used = dict(model.networks), dict(model.context), dict(model.transfers)
    params = base.params()
    for name, tree in trees.items():
        like, context[name] = transfers[name].init(params[name], jax.random.key(0))
        check_alike(tree, like, what=f"the {name} of {run}")
        networks[name] = refill(like, tree)
        used[name] = transfers[name]
    return Model(model.config, networks, context, used, model.identity, model.step)


def _read(folder: Path, entry: Mapping[str, str]) -> dict[str, Any]:
    """{name: array} of one network's file, whose content must be what was written."""
    path = folder / Path(entry["file"]).name  # a name, never a path out of the folder
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise InputError(f"{path} is damaged: its sha256 is not the one in model.json. Resume or repeat the run.")
        return {name: jax.device_put(leaf) for name, leaf in safetensors.numpy.load(content).items()}
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}). Resume or repeat the run.") from None
