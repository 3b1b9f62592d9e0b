"""The story of a text-to-image model: vocabulary, tokenizer, tokens of all images, priors, reranker. (DALL-E, 2021)

Each stage is trained in its own folder and begins where the one before has ended; stopped anywhere, it goes on there.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import jax
import numpy as np

from genjax.config import to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.prior import PriorConfig
from genjax.config.text import from_json
from genjax.config.text_to_image import TextToImageConfig
from genjax.control import learning_rate_annealing
from genjax.data import Dataset, check_batch
from genjax.data.batches import batch_indices
from genjax.data.captioned import load_captioned, require_captions
from genjax.errors import InputError
from genjax.terminal import say
from genjax.text import Vocabulary, byte_pair_vocabulary, save_vocabulary, word_vocabulary
from genjax.train.build_prior import build_prior, build_reranker
from genjax.train.build_tokenizer import build_codec, build_tokenizer
from genjax.train.lock import check_unlocked, locked
from genjax.train.plan import changes
from genjax.train.run_folder import RunFolder, begin, check_free, read_config
from genjax.train.stage import Stage, encoded, run_stage
from genjax.train.stage_files import load_stage
from genjax.train.state import Batch
from genjax.train.text_to_image_model import VOCABULARY, parts_of, segments_of
from genjax.transfer import Transfer
from genjax.tree import Tree, count

MAY_CHANGE = ("out", "log_every", "save_every")


@dataclass(frozen=True)
class TextToImageOutcome:
    """How a training ended.

    Attributes:
        folder: of the model.
        signal: that stopped it before its end; None when all stages are done.
        stage: that was stopped; empty when all are done.
    """

    folder: Path
    signal: Signals | None = None
    stage: str = ""


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
    folder = Path(config.out)
    check_folder(folder, config, resume=resume, force=force)
    data = dataset or load_images(config)
    vocabulary = make_vocabulary(config, data)
    check_batch(len(data), config.batch)
    data_hash = captioned_hash(data)
    if resume and read_config(RunFolder(folder)).get("data_hash") != data_hash:
        raise InputError(f"{data.name} is not what {folder} was begun with. Restore its images, or use another --out.")
    channels = data.images.shape[-1]
    with locked(folder):
        if not resume:
            described = {"kind": TEXT_TO_IMAGE, "config": to_json(config), "channels": channels, "data_hash": data_hash}
            begin(RunFolder(folder), described, force=force)
        save_vocabulary(folder / VOCABULARY, vocabulary)
        say(f"data     {data.name}, {len(data)} images with captions of {vocabulary.numbers} tokens")
        for index, stage in enumerate(stages(config, data, vocabulary, channels)):
            signal = run_stage(
                folder,
                stage,
                seed=stage_seed(config.seed, index),
                log_every=config.log_every,
                save_every=config.save_every,
            )
            if signal is not None:
                return TextToImageOutcome(folder, signal, stage.name)
    return TextToImageOutcome(folder)


def stages(config: TextToImageConfig, data: Dataset, vocabulary: Vocabulary, channels: int) -> Iterator[Stage]:
    """One stage after the other; each is made when those before it are on disk."""
    folder, segments = Path(config.out), segments_of(config, vocabulary)
    yield tokenizer_stage(config, data, channels)
    params = load_stage(folder, "tokenizer")["tokenizer"]
    parts = parts_of(params, folder / VOCABULARY)
    arrays = {"text": vocabulary.encode(require_captions(data)), "tokens": tokens_of(config, params, data)}
    for name, objective, steps in (
        ("prior", "autoregressive", config.prior_steps),
        ("masked", "masked", config.masked_steps),
    ):
        if steps:
            prior = dataclasses.replace(config.prior, objective=objective)
            yield prior_stage(name, prior, segments, arrays, config, steps=steps, parts=parts)
    if config.reranker_steps:
        yield Stage(
            "reranker",
            build_reranker(config.reranker, segments[0], size=config.size),
            config.reranker_steps,
            lambda step: pairs(data, arrays["text"], config, step),
            config.batch,
            {"vocabulary": parts["vocabulary"]},
        )


def tokenizer_stage(
    config: TextToImageConfig, data: Dataset, channels: int, *, transfer: Transfer | None = None
) -> Stage:
    """The tokenizer, whose learning rate falls to the end of its steps; without a transfer all of it is trained."""
    settled = dataclasses.replace(config.tokenizer, learning_rate_steps=config.tokenizer_steps)
    learner = build_tokenizer(
        settled, size=config.size, channels=channels, images_per_epoch=len(data), transfer=transfer
    )

    def batch(step: int) -> Batch:
        return {"image": data.images[batch_indices(len(data), config.batch, config.seed, step)]}

    return Stage("tokenizer", learner, config.tokenizer_steps, batch, config.batch, {})


def prior_stage(
    name: str,
    prior: PriorConfig,
    segments: tuple,
    arrays: dict[str, np.ndarray],
    config: TextToImageConfig,
    *,
    steps: int,
    parts: dict[str, str],
    transfer: Transfer | None = None,
    source: Tree = None,
) -> Stage:
    """A prior over these segments, whose learning rate falls to the end of its steps.

    Args:
        name: of the stage.
        prior: its network and objective.
        segments: in their order.
        arrays: {segment: tokens of all images}.
        config: batch and seed.
        steps: until it is done.
        parts: that it belongs to.
        transfer: from a source; None trains everything.
        source: its parameters; None begins afresh.
    """
    n = len(arrays["tokens"])

    def batch(step: int) -> Batch:
        rows = batch_indices(n, config.batch, config.seed, step)
        return {segment.name: arrays[segment.name][rows] for segment in segments}

    learner = build_prior(prior, segments, controller=learning_rate_annealing(steps), transfer=transfer)
    return Stage(name, learner, steps, batch, config.batch, parts, None if source is None else {"prior": source})


def pairs(data: Dataset, text: np.ndarray, config: TextToImageConfig, step: int) -> Batch:
    """Images and the tokens of their captions."""
    rows = batch_indices(len(data), config.batch, config.seed, step)
    return {"image": data.images[rows], "text": text[rows]}


def tokens_of(config: TextToImageConfig, params: Tree, data: Dataset) -> np.ndarray:
    """The image tokens of a set, int32 (n, places)."""
    codec = build_codec(config.tokenizer, size=config.size, channels=data.images.shape[-1])
    say(f"tokens   of {len(data)} images, by a tokenizer of {count(params):,} parameters")
    return encoded(codec.encode, params, data.images)


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


def check_folder(folder: Path, config: TextToImageConfig, *, resume: bool, force: bool) -> None:
    """Raises InputError unless a training may begin in this folder, or go on there under these settings."""
    if not resume:
        check_free(RunFolder(folder), force=force)
        return
    if force:
        raise InputError("--resume goes on with a run and --force deletes it. Use one of them.")
    saved = saved_text_to_image(folder)
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
