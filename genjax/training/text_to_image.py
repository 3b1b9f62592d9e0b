"""The story of a text-to-image model: vocabulary, tokenizer, tokens of all images, priors, reranker. (DALL-E, 2021)

Each stage is trained in its own folder and begins where the one before has ended; stopped anywhere, it goes on there.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.config import to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.text_to_image import TextToImageConfig
from genjax.data import Dataset, check_batch
from genjax.data.batches import batch_indices
from genjax.data.captioned import load_captioned, require_captions
from genjax.devices.sharding import Layout, check_share, lay_out
from genjax.errors import InputError
from genjax.families.learner import Batch, Learner, Networks
from genjax.families.text_to_image.build_tokenizer import build_codec
from genjax.families.text_to_image.model import VOCABULARY, keep_vocabulary, learners_of, parts_of, shapes_of
from genjax.families.text_to_image.text import Vocabulary, byte_pair_vocabulary, word_vocabulary
from genjax.json_config import from_json
from genjax.store.lock import check_unlocked
from genjax.store.run_folder import RunFolder, check_free, read_config
from genjax.store.stage_files import load_stage
from genjax.terminal import say
from genjax.training.interruption import Interruption
from genjax.training.plan import changes, check_name
from genjax.training.stage import Stage, encoded, run_stage, sitting
from genjax.tree import Tree, count

ADAPTATION = "adaptation"  # in config.json: what an adapted model was asked for, which a trained one has not
MAY_CHANGE = ("out", "log_every", "save_every", "devices", "shard_state")  # nothing but rounding


@dataclass(frozen=True)
class TextToImageOutcome:
    """How a training ended.

    Attributes:
        folder: of the model.
        signal: that stopped it before its end; None when all stages are done.
        stage: that was stopped; empty when all are done.
        collapse: why a stage was given up, in a line; empty when none was.
    """

    folder: Path
    signal: Signals | None = None
    stage: str = ""
    collapse: str = ""


class TextToImagePlan(NamedTuple):
    """A training that has passed every check.

    Attributes:
        data: images with captions.
        vocabulary: of these.
        learners: {stage: learner}, in the order of training.
        layout: of its devices.
        described: what config.json says of it.
    """

    data: Dataset
    vocabulary: Vocabulary
    learners: dict[str, Learner]
    layout: Layout
    described: dict[str, Any]


def train_text_to_image(
    config: TextToImageConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None
) -> TextToImageOutcome:
    """Trains all stages, into the folder `config.out`.

    Args:
        config: what to train on what.
        resume: go on with the training in that folder, under its own settings.
        force: delete a run that is in that folder.
        dataset: images with captions to train on, in place of `config.data`.
    Raises:
        InputError: anything that cannot be used, before anything is written.
    """
    plan, folder = plan_text_to_image(config, resume=resume, force=force, dataset=dataset), Path(config.out)
    with sitting(folder, None if resume else plan.described, force=force) as interruption:
        keep_vocabulary(folder, plan.vocabulary)
        say(data_line(plan))
        trained = stages(config, plan.learners, plan.data, plan.vocabulary)
        return run_stages(config, trained, interruption, plan.layout)


def plan_text_to_image(
    config: TextToImageConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None
) -> TextToImagePlan:
    """Everything that a training needs, checked. Arguments and errors as in `train_text_to_image`."""
    folder = Path(config.out)
    check_folder(folder, config, resume=resume, force=force)
    data = dataset or load_images(config)
    vocabulary = make_vocabulary(config, data)
    check_batch(len(data), config.batch)
    layout = layout_of(config)
    check_images(data, config.size, data.images.shape[-1])
    data_hash, channels = captioned_hash(data), data.images.shape[-1]
    if resume and read_config(RunFolder(folder)).get("data_hash") != data_hash:
        raise InputError(f"{data.name} is not what {folder} was begun with. Restore its images, or use another --out.")
    shapes_of(config, vocabulary, channels)  # refuses what no network could be
    learners = learners_of(config, vocabulary, channels, images_per_epoch=len(data))
    described = {"kind": TEXT_TO_IMAGE, "config": to_json(config), "channels": channels, "data_hash": data_hash}
    return TextToImagePlan(data, vocabulary, learners, layout, described)


def data_line(plan: TextToImagePlan) -> str:
    """The images and their captions, as the first line of a training says it."""
    return f"data     {plan.data.name}, {len(plan.data)} images with captions of {plan.vocabulary.numbers} tokens"


def layout_of(config: TextToImageConfig) -> Layout:
    """The devices that share every batch.

    Raises:
        InputError: more than there are, or a batch that does not divide among them.
    """
    layout = lay_out(config.devices, shard_state=config.shard_state)
    check_share(config.batch, 1, layout.devices)
    return layout


def run_stages(
    config: TextToImageConfig, stages: Iterator[Stage], interruption: Interruption, layout: Layout
) -> TextToImageOutcome:
    """Trains one stage after the other, inside their sitting, on the devices of a layout."""
    folder = Path(config.out)
    for index, stage in enumerate(stages):
        ended = run_stage(
            folder,
            stage,
            interruption,
            seed=stage_seed(config.seed, index),
            log_every=config.log_every,
            save_every=config.save_every,
            layout=layout,
        )
        if not ended.done:
            return TextToImageOutcome(folder, ended.signal, stage.name, ended.collapse)
    return TextToImageOutcome(folder)


def stages(
    config: TextToImageConfig,
    learners: Mapping[str, Learner],
    data: Dataset,
    vocabulary: Vocabulary,
    *,
    sources: Mapping[str, Tree] | None = None,
) -> Iterator[Stage]:
    """One stage after the other; each is made when those before it are on disk.

    Args:
        config: of the model.
        learners: {stage: learner}.
        data: images with captions.
        vocabulary: of these.
        sources: {stage: parameters to begin from}; what has none begins afresh.
    """
    folder, known = Path(config.out), sources or {}
    steps = {name: getattr(config, f"{name}_steps") for name in learners}

    def source(name: str) -> Networks | None:
        return dict.fromkeys(learners[name].transfers, known[name]) if name in known else None

    def rows(step: int) -> np.ndarray:
        return batch_indices(len(data), config.batch, config.seed, step)

    def images(step: int) -> Batch:
        return {"image": data.images[rows(step)]}

    def sequences(step: int) -> Batch:
        return {"text": text[rows(step)], "tokens": tokens()[rows(step)]}

    def pairs(step: int) -> Batch:
        return {**images(step), "text": text[rows(step)]}

    yield Stage("tokenizer", learners["tokenizer"], steps["tokenizer"], images, config.batch, {}, source("tokenizer"))
    params = load_stage(folder, "tokenizer")
    parts = parts_of(params, folder / VOCABULARY)
    text, tokens = vocabulary.encode(require_captions(data)), functools.cache(lambda: tokens_of(config, params, data))
    for name in ("prior", "masked"):
        if name in learners:
            yield Stage(name, learners[name], steps[name], sequences, config.batch, parts, source(name))
    if "reranker" in learners:
        own = {"vocabulary": parts["vocabulary"]}
        yield Stage("reranker", learners["reranker"], steps["reranker"], pairs, config.batch, own)


def tokens_of(config: TextToImageConfig, params: Tree, data: Dataset) -> np.ndarray:
    """The image tokens of a set, int32 (n, places)."""
    codec = build_codec(config.tokenizer, size=config.size, channels=data.images.shape[-1])
    say(f"tokens   of {len(data)} images, by a tokenizer of {count(params):,} parameters")
    return encoded(codec.encode, params, data.images, chunk=config.batch)


def load_images(config: TextToImageConfig, *, split: str = "train") -> Dataset:
    """The set that a config names, with its captions.

    Raises:
        InputError: no such set, or one in which an image has no caption.
    """
    return load_captioned(
        config.data,
        size=config.size,
        split=split,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )


def make_vocabulary(config: TextToImageConfig, data: Dataset) -> Vocabulary:
    """The vocabulary of the captions.

    Raises:
        InputError: a caption that is empty or longer than the text length.
    """
    captions = require_captions(data)
    if config.text == "words":
        return word_vocabulary(captions, length=config.text_length)
    return byte_pair_vocabulary(captions, size=config.text_size, length=config.text_length)


def captioned_hash(data: Dataset) -> str:
    """sha256 of images and captions."""
    digest = hashlib.sha256(data.content_hash().encode())
    digest.update("\n".join(data.captions).encode())
    return digest.hexdigest()


def check_images(data: Dataset, size: int, channels: int) -> None:
    """Raises InputError unless the images of a set are of a model's size and channels."""
    found, expected = tuple(int(extent) for extent in data.images.shape[1:]), (size, size, channels)
    if found != expected or channels not in (1, 3):
        raise InputError(f"{data.name} has images {found}, and those of the model are {expected}. Load them so.")


def check_folder(folder: Path, config: TextToImageConfig, *, resume: bool, force: bool) -> None:
    """Raises InputError unless a training may begin in this folder, or go on there under these settings."""
    check_name(folder)
    if not resume:
        check_free(RunFolder(folder), force=force)
        return
    if force:
        raise InputError("--resume goes on with a run and --force deletes it. Use one of them.")
    saved = saved_text_to_image(folder)
    if ADAPTATION in read_config(RunFolder(folder)):
        raise InputError(f"{folder} is an adaptation. Go on with it by genjax adapt --out {folder} --resume.")
    kept = [{k: v for k, v in to_json(some).items() if k not in MAY_CHANGE} for some in (saved, config)]
    changed = changes(*kept)
    if changed:
        raise InputError(
            f"a resumed run keeps its settings, and these differ: {changed}. "
            "Leave them out, or start another run with --out."
        )
    check_unlocked(folder)


def saved_text_to_image(folder: Path) -> TextToImageConfig:
    """The config that a model was begun with.

    Raises:
        InputError: no text-to-image model there, an unknown key or a wrong value.
    """
    values = read_config(RunFolder(folder))
    if values.get("kind") != TEXT_TO_IMAGE or not isinstance(values.get("config"), dict):
        raise InputError(f"{folder} holds no text-to-image model. Leave --model {TEXT_TO_IMAGE} out, or use its --out.")
    return from_json(TextToImageConfig, values["config"], where=str(RunFolder(folder).config))


def stage_seed(seed: int, index: int) -> int:
    """A seed of its own for each stage."""
    return int(jax.random.randint(jax.random.fold_in(jax.random.key(seed), index), (), 0, 1 << 30))
