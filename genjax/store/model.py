"""A model on disk: parameters alone, small, in safetensors files that execute nothing, and what they belong to.

model/model.json names one file a network, with its sha256. A network that a transfer made out of its source (low-rank
updates, frozen parts) holds only what was trained and names the identity of that source; any other is whole.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors
import safetensors.numpy

from genjax.config.run import AdaptConfig, config_from_json, config_to_json
from genjax.control import chain
from genjax.errors import InputError
from genjax.families.family import Stage, Training
from genjax.families.learner import Networks, TrainState, exported
from genjax.families.model import Model, ModelConfig
from genjax.families.registry import FAMILIES, model_from_json, model_to_json
from genjax.store.description import described, description_file, relied_on, scalars
from genjax.store.migrations import FORMAT
from genjax.store.run_folder import RunFolder, stage_folder, write_bytes, write_json
from genjax.transfer import Transfer, full
from genjax.transfer.transfer import same_latents
from genjax.tree import Tree, check_alike, content_hash, count, flatten, refill, unflatten
from genjax.zoo.cards import located, placed

TRIES = 20  # to read a model whose run goes on meanwhile and replaces it


@dataclass(frozen=True)
class Origin:
    """The source of an adapted model.

    Attributes:
        config: of the adaptation.
        identity: of the source's model.
        ancestry: what that was made from, the oldest first, itself the last.
    """

    config: AdaptConfig
    identity: str
    ancestry: tuple[dict[str, str], ...] = ()


def save_model(
    folder: RunFolder,
    config: ModelConfig,
    state: TrainState,
    transfers: Mapping[str, Transfer],
    *,
    run: Path | None = None,
    origin: Origin | None = None,
    needs: Mapping[str, str] | None = None,
    which: str = "latest",
    score: float | None = None,
) -> None:
    """Writes the networks of this state and then drops those before, so that a reader always finds whole ones.

    Args:
        folder: of the stage that trained them.
        config: of the whole model.
        state: whose averages are written where there are some.
        transfers: {network: its transfer}.
        run: folder of the whole run, where that is another.
        origin: of an adaptation.
        needs: {network of an earlier stage: hash of the parameters that these ones were trained with}.
        which: latest or best.
        score: of the best: what later ones must be below.
    """
    step, place = int(state.step), folder.model(which)
    for part in (place.parent, place):  # never the run's folder, which may have vanished
        part.mkdir(exist_ok=True)
    entries = {}
    for network, tree in exported(state).items():
        kept, whole = stored_form(transfers[network], tree, state.context[network])
        content = safetensors.numpy.save({name: np.asarray(leaf) for name, leaf in flatten(kept).items()})
        sha256 = hashlib.sha256(content).hexdigest()
        # The same step may be written twice, after a rollback: a file that a reader is at keeps what it held.
        file = f"{network}-{step:06d}-{sha256[:8]}.safetensors"
        write_bytes(place / file, content)
        entries[network] = {"file": file, "sha256": sha256, "whole": whole}
    values: dict[str, Any] = {"form": FORMAT, "step": step, "model": model_to_json(config), "networks": entries}
    values["control"] = {name: [str(leaf.dtype), leaf.tolist()] for name, leaf in scalars(state.control).items()}
    if score is not None:
        values["score"] = score
    if needs:
        values["needs"] = dict(needs)
    if origin is not None:
        path = placed(origin.config.source, run or folder.path)
        values |= {"adapted": config_to_json(origin.config), "source": {"path": path, "identity": origin.identity}}
        values["ancestry"] = list(origin.ancestry)
    write_json(place / "model.json", values)
    current = {entry["file"] for entry in entries.values()}
    for old in place.glob("*.safetensors"):
        if old.name not in current:
            old.unlink()


def is_whole(transfer: Transfer, trainable: Tree, context: Tree) -> bool:
    """Returns True if a network is written as its parameters: if what is trained is no smaller."""
    params = jax.eval_shape(transfer.params, trainable, context)
    return transfer.latents is same_latents and count(trainable) >= count(params)


def stored_form(transfer: Transfer, trainable: Tree, context: Tree) -> tuple[Tree, bool]:
    """Returns the tree that is written of a network, and whether it is whole."""
    whole = is_whole(transfer, trainable, context)
    return (transfer.params(trainable, context) if whole else trainable), whole


def load_model(run: Path, *, which: str = "latest", source: Path | None = None, sampled_only: bool = False) -> Model:
    """Loads the model of a run.

    Args:
        run: its folder.
        which: latest or best; a stage that has no best one, or whose networks others were trained with, gives its
            latest.
        source: where the run that it was adapted from lies, if it has been moved since.
        sampled_only: load only the networks that make images, which is enough for sampling.
    Raises:
        InputError: no model there, a file that is damaged or of another model, a stage that is missing, a source that
            is missing or not its own.
    """
    where = description_file(run, which)
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


class _Stored(NamedTuple):
    """The files of all stages.

    Attributes:
        values: content of the last stage's model.json.
        entries: {network: its entry}.
        trees: {network: {name: array}}, of those that are needed.
        needs: {network: {earlier network: hash}}.
    """

    values: dict[str, Any]
    entries: dict[str, Any]
    trees: dict[str, dict[str, Any]]
    needs: dict[str, dict[str, str]]


def _load(run: Path, which: str, source: Path | None, *, sampled_only: bool, above: tuple[Path, ...] = ()) -> Model:
    """Loads the model as it is described at this moment; `above` are the runs that lie on it."""
    where = description_file(run, which)
    config = model_from_json(described(where)["model"], where=str(where))
    family = FAMILIES[config.family]
    needed = family.published(config) if sampled_only else family.networks(config)
    try:
        stored = _stored(run, which, config, needed)
        values = stored.values
        if source and "adapted" not in values:
            raise InputError(f"{run} was adapted from no other run, and --source {source} names one. Leave it out.")
        hashes = [stored.entries[name]["sha256"] for name in family.networks(config)]
        partial = [name for name in needed if not stored.entries[name]["whole"]]
        step = int(values["step"])
        adapted = config_from_json(AdaptConfig, values["adapted"], where=str(where)) if partial else None
        origin = source or located(values["source"]["path"], run) if partial or source else None
        expected = values["source"]["identity"] if partial or source else ""
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} lacks {error}: it is no model of this genjax. Train the run again.") from None
    trees = stored.trees
    check_fitting({name: tree for name, tree in trees.items() if name not in partial}, config, run)
    model = Model(
        config=config,
        networks={name: unflatten(tree) for name, tree in trees.items()},
        context=dict.fromkeys(trees, ()),
        transfers={name: full() for name in trees},
        identity=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        step=step,
    )
    if origin is not None:
        base = _own_source(run, origin, expected, sampled_only=sampled_only, above=(*above, run.resolve()))
        if adapted:
            model = _on_source(model, base, adapted, {name: trees[name] for name in partial}, run)
    _check_needs(model, stored.needs, run)
    return model


def _stored(run: Path, which: str, config: ModelConfig, needed: Collection[str]) -> _Stored:
    """Reads the files of every stage.

    Raises:
        InputError: a stage that is not there, a damaged file, or stages of two different models.
    """
    stages = FAMILIES[config.family].stage_networks(config)
    folders = {stage: stage_folder(run, stage, stages) for stage in stages}
    values: dict[str, Any] = {}
    entries, trees, needs = {}, {}, {}
    needed_later = relied_on(list(folders.values()))
    for stage, networks in stages.items():
        found = folders[stage].model(which)
        # Later stages were trained with the latest networks of the earlier ones, not with their best.
        if len(stages) > 1 and (needed_later & set(networks) or not (found / "model.json").exists()):
            found = folders[stage].model()
        if not (found / "model.json").exists():
            raise InputError(f"{run} has no trained {stage}. Go on with its training first: --resume.")
        read = described(found / "model.json")
        if values and read["model"] != values["model"]:
            raise InputError(f"the stages of {run} are not of one model. Bring back its own, or train it again.")
        values = read
        for network in networks:
            entries[network] = values["networks"][network]
            needs[network] = values.get("needs", {})
            if network in needed:
                trees[network] = _read(found, entries[network])
    return _Stored(values, entries, trees, needs)


def _check_needs(model: Model, needs: Mapping[str, Mapping[str, str]], run: Path) -> None:
    """Raises InputError unless each network was trained with the ones of earlier stages that are there."""
    params = model.params()
    for network, known in needs.items():
        for part, sha256 in known.items():
            found = content_hash(params[part]) if part in params else sha256
            if network in params and found != sha256:
                raise InputError(
                    f"the {network} of {run} was trained with the {part} {sha256[:12]}, and the {part} there is"
                    f" {found[:12]}. Bring back its own, or train the {network} again."
                )


def check_fitting(trees: Networks, config: ModelConfig, run: Path) -> None:
    """Raises InputError unless the parameters on disk are those of the networks that model.json describes."""
    expected: Networks = {}
    for stage in plain_stages(config):
        expected |= jax.eval_shape(lambda stage=stage: stage.learner.init(jax.random.key(0), stage.example)).trainable
    for network, tree in trees.items():
        check_alike(tree, expected[network], what=f"the {network} of {run}")


def plain_stages(config: ModelConfig) -> tuple[Stage, ...]:
    """Builds the stages of a model as a pretraining without controllers has them."""
    return FAMILIES[config.family].stages(config, Training({}, control=chain()))


def _own_source(run: Path, origin: Path, expected: str, *, sampled_only: bool, above: tuple[Path, ...]) -> Model:
    """Reads the model that this run was adapted from."""
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
    """Completes the model's partial networks by what their transfers keep of the source."""
    family = FAMILIES[model.config.family]
    transfers = family.transfers(model.config, adapted.transfers, family.offers(model.config))
    networks, context, used = dict(model.networks), dict(model.context), dict(model.transfers)
    params = family.begun(base.params(), model.config)
    for name, tree in trees.items():
        like, context[name] = transfers[name].init(params[name], jax.random.key(0))
        check_alike(tree, like, what=f"the {name} of {run}")
        networks[name] = refill(like, tree)
        used[name] = transfers[name]
    return Model(model.config, networks, context, used, model.identity, model.step)


def _read(folder: Path, entry: Mapping[str, str]) -> dict[str, Any]:
    """Reads {name: array} of one network's file, whose content must be what was written."""
    path = folder / Path(entry["file"]).name  # a name, never a path out of the folder
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise InputError(f"{path} is damaged: its sha256 is not the one in model.json. Resume or repeat the run.")
        # The zoo's are kept in half the bytes.
        return {name: jax.device_put(_single(leaf)) for name, leaf in safetensors.numpy.load(content).items()}
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}). Resume or repeat the run.") from None


def _single(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.float32) if leaf.dtype == np.float16 else leaf
