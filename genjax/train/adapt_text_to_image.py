"""From a text-to-image model to another style, of few captioned images: its priors by a transfer, the rest as it is.

The vocabulary stays, and so do the tokenizer's encoder and codebook, as the tokens that the priors know are theirs; its
decoder may follow the new style. The reranker is the source's. (Hu et al. 2022 for the usual transfer, LoRA)
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from genjax.config import to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.text import from_json
from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.data import Dataset, check_batch, few_shot
from genjax.data.captioned import load_captioned, require_captions
from genjax.errors import InputError
from genjax.text import save_vocabulary
from genjax.train.lock import check_unlocked, locked
from genjax.train.plan import changes
from genjax.train.prior_recipes import prior_transfer
from genjax.train.run_folder import RunFolder, begin, check_free, read_config
from genjax.train.stage import Stage, run_stage
from genjax.train.stage_files import load_stage, save_stage
from genjax.train.text_to_image import (
    MAY_CHANGE,
    TextToImageOutcome,
    captioned_hash,
    prior_stage,
    stage_seed,
    tokenizer_stage,
    tokens_of,
)
from genjax.train.text_to_image_model import VOCABULARY, TextToImage, load_text_to_image, parts_of
from genjax.transfer import freeze
from genjax.tree import content_hash

KEPT_OF_TOKENIZER = ("encoder/*", "codebook")


def adapt_text_to_image(
    config: AdaptTextToImageConfig, *, resume: bool = False, force: bool = False, dataset: Dataset | None = None
) -> TextToImageOutcome:
    """Adapts the model in the folder `config.source`; what is then in `config.out` is a model like any other.

    Args:
        config: what to adapt to what.
        resume: go on with the adaptation in that folder.
        force: delete a run that is in that folder.
        dataset: images with captions to adapt to, in place of `config.data`, of which the shots are taken.
    Raises:
        InputError: anything that cannot be used, before anything is written.
    """
    folder, transfer = Path(config.out), prior_transfer(config)
    if resume:
        _check_same(config)
        check_unlocked(folder)
    else:
        check_free(RunFolder(folder), force=force)
    model = load_text_to_image(config.source)
    data = _images(config, model, dataset)
    model.vocabulary.encode(require_captions(data))
    adapted = adapted_config(config, model, len(data))
    check_batch(len(data), adapted.batch)
    jax.eval_shape(transfer.init, model.networks["prior"], jax.random.key(0))  # refuses patterns that match nothing
    described = {"kind": TEXT_TO_IMAGE, "config": to_json(adapted), "channels": model.channels}
    described |= {"data_hash": captioned_hash(data), "adaptation": to_json(config)}
    described |= {"source": {name: content_hash(params) for name, params in model.networks.items()}}
    if resume:
        _check_parts(RunFolder(folder), described)
    with locked(folder):
        if not resume:
            begin(RunFolder(folder), described, force=force)
        save_vocabulary(folder / VOCABULARY, model.vocabulary)
        seeds = (stage_seed(config.seed, index) for index in range(3))
        often = {"log_every": config.log_every, "save_every": config.save_every}
        if config.tokenizer_steps:
            signal = run_stage(folder, _decoder_stage(adapted, model, data), seed=next(seeds), **often)
            if signal is not None:
                return TextToImageOutcome(folder, signal, "tokenizer")
        else:
            _keep(folder, "tokenizer", model, adapted.tokenizer_steps, {})
        tokenizer = load_stage(folder, "tokenizer")["tokenizer"]
        parts = parts_of(tokenizer, folder / VOCABULARY)
        if adapted.reranker_steps:
            _keep(folder, "reranker", model, adapted.reranker_steps, {"vocabulary": parts["vocabulary"]})
        arrays = {"text": model.vocabulary.encode(data.captions), "tokens": tokens_of(adapted, tokenizer, data)}
        for name, objective, steps in (
            ("prior", "autoregressive", config.prior_steps),
            ("masked", "masked", config.masked_steps),
        ):
            if not steps:
                continue
            stage = prior_stage(
                name,
                dataclasses.replace(adapted.prior, objective=objective),
                model.segments,
                arrays,
                adapted,
                steps=steps,
                parts=parts,
                transfer=transfer,
                source=model.networks[name],
            )
            signal = run_stage(folder, stage, seed=next(seeds), **often)
            if signal is not None:
                return TextToImageOutcome(folder, signal, name)
    return TextToImageOutcome(folder)


def _images(config: AdaptTextToImageConfig, model: TextToImage, dataset: Dataset | None) -> Dataset:
    """What is adapted to.

    Raises:
        InputError: no such set, images of another shape, or too few of them.
    """
    data = dataset or load_captioned(
        config.data,
        size=model.config.size,
        channels=model.channels,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )
    expected = (model.config.size, model.config.size, model.channels)
    if tuple(data.images.shape[1:]) != expected:
        raise InputError(
            f"{data.name} has images {tuple(data.images.shape[1:])}, and those of {config.source} are {expected}."
            " Load them at its size and channels."
        )
    return few_shot(data, config.shots, config.seed, stratify=config.stratify) if config.shots else data


def adapted_config(config: AdaptTextToImageConfig, model: TextToImage, images: int) -> TextToImageConfig:
    """What the adapted model is, in the terms of one that was trained.

    Raises:
        InputError: a masked prior is to be adapted that the source has not.
    """
    source = model.config
    if config.masked_steps and "masked" not in model.networks:
        raise InputError(f"--masked-steps {config.masked_steps}: {config.source} has no masked prior. Leave it out.")
    warm_up = min(source.prior.warm_up_steps, config.prior_steps // 10)
    return dataclasses.replace(
        source,
        data=config.data,
        num_images=config.num_images,
        tokenizer=dataclasses.replace(source.tokenizer, learning_rate=config.learning_rate),
        prior=dataclasses.replace(source.prior, learning_rate=config.learning_rate, warm_up_steps=warm_up),
        tokenizer_steps=config.tokenizer_steps or source.tokenizer_steps,
        prior_steps=config.prior_steps,
        masked_steps=config.masked_steps,
        batch=config.batch or min(source.batch, images),
        seed=config.seed,
        log_every=config.log_every,
        save_every=config.save_every,
        out=config.out,
    )


def _decoder_stage(adapted: TextToImageConfig, model: TextToImage, data: Dataset) -> Stage:
    """The tokenizer's decoder, towards the new images."""
    stage = tokenizer_stage(adapted, data, model.channels, transfer=freeze(KEPT_OF_TOKENIZER))
    return dataclasses.replace(stage, source={"tokenizer": model.networks["tokenizer"]})


def _keep(folder: Path, name: str, model: TextToImage, step: int, belongs_to: dict[str, str]) -> None:
    """A network of the source, as it is."""
    save_stage(folder, name, {name: model.networks[name]}, step=step, belongs_to=belongs_to)


def saved_adaptation(folder: Path) -> AdaptTextToImageConfig:
    """The config that an adaptation was begun with.

    Raises:
        InputError: no adaptation of a text-to-image model there, an unknown key or a wrong value.
    """
    values = read_config(RunFolder(folder)).get("adaptation")
    if not isinstance(values, dict):
        raise InputError(f"{folder} is no adaptation of a text-to-image model. Go on with it by genjax train --resume.")
    return from_json(AdaptTextToImageConfig, values, where=str(RunFolder(folder).config))


def _check_same(config: AdaptTextToImageConfig) -> None:
    """Raises InputError unless the adaptation in the folder was begun under these settings."""
    kept = [
        {name: value for name, value in to_json(some).items() if name not in MAY_CHANGE}
        for some in (saved_adaptation(config.out), config)
    ]
    changed = changes(*kept)
    if changed:
        raise InputError(
            f"a resumed run keeps its settings, and these differ: {changed}. "
            "Leave them out, or start another run with --out."
        )


def _check_parts(folder: RunFolder, described: dict[str, Any]) -> None:
    """Raises InputError unless images and source are those that the adaptation was begun with."""
    begun = read_config(folder)
    for part, what in (("data_hash", "images"), ("source", "source")):
        if begun.get(part) != described[part]:
            raise InputError(
                f"the adaptation in {folder.path} was begun with other {what}. Bring those back, or use another --out."
            )
