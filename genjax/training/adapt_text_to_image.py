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
from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.data import Dataset, check_batch, few_shot
from genjax.data.captioned import load_captioned, require_captions
from genjax.errors import InputError
from genjax.families.text_to_image.model import (
    VOCABULARY,
    TextToImage,
    keep_vocabulary,
    learners_of,
    load_text_to_image,
    vocabulary_hash,
)
from genjax.families.text_to_image.prior_recipes import prior_transfer
from genjax.json_config import from_json
from genjax.store.lock import check_unlocked
from genjax.store.run_folder import RunFolder, check_free, read_config
from genjax.store.stage_files import save_stage
from genjax.training.plan import changes, check_apart, check_name
from genjax.training.stage import sitting
from genjax.training.text_to_image import (
    ADAPTATION,
    MAY_CHANGE,
    TextToImageOutcome,
    captioned_hash,
    check_images,
    layout_of,
    run_stages,
    stages,
)
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
    check_name(folder)
    check_apart(config.source, folder)
    if resume:
        _check_same(config)
        check_unlocked(folder)
    else:
        check_free(RunFolder(folder), force=force)
    model = load_text_to_image(config.source)
    data = load_shots(config, size=model.config.size, channels=model.channels, dataset=dataset)
    model.vocabulary.encode(require_captions(data))
    adapted = adapted_config(config, model, len(data))
    check_batch(len(data), adapted.batch)
    layout = layout_of(adapted)
    for name in ("prior", *(["masked"] if config.masked_steps else [])):  # refuses patterns that match nothing
        jax.eval_shape(lambda params: transfer.init(params, jax.random.key(0)), model.networks[name])
    transfers = {"tokenizer": freeze(KEPT_OF_TOKENIZER), "prior": transfer, "masked": transfer}
    learners = learners_of(adapted, model.vocabulary, model.channels, images_per_epoch=len(data), transfers=transfers)
    described = {"kind": TEXT_TO_IMAGE, "config": to_json(adapted), "channels": model.channels}
    described |= {"data_hash": captioned_hash(data), ADAPTATION: to_json(config)}
    described |= {"source": {name: content_hash(params) for name, params in model.networks.items()}}
    if resume:
        _check_parts(RunFolder(folder), described)
    with sitting(folder, None if resume else described, force=force) as interruption:
        keep_vocabulary(folder, model.vocabulary)
        if not config.tokenizer_steps:
            _keep(folder, "tokenizer", model, adapted.tokenizer_steps, {})
        if "reranker" in learners:
            own = {"vocabulary": vocabulary_hash(folder / VOCABULARY)}
            _keep(folder, "reranker", model, adapted.reranker_steps, own)
        trained = stages(adapted, learners, data, model.vocabulary, sources=model.networks)
        return run_stages(adapted, trained, interruption, layout)


def load_shots(config: AdaptTextToImageConfig, *, size: int, channels: int, dataset: Dataset | None = None) -> Dataset:
    """What is adapted to.

    Args:
        config: which images, and how many shots of them.
        size: height and width of the model's images.
        channels: of these.
        dataset: images with captions to take the shots of, in place of `config.data`.
    Raises:
        InputError: no such set, images of another shape, or too few of them.
    """
    data = dataset or load_captioned(
        config.data,
        size=size,
        channels=channels,
        num=config.num_images,
        seed=config.seed,
        skip_broken=config.skip_broken,
    )
    check_images(data, size, channels)
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
        devices=config.devices,
        shard_state=config.shard_state,
        out=config.out,
    )


def _keep(folder: Path, name: str, model: TextToImage, step: int, belongs_to: dict[str, str]) -> None:
    """A network of the source, as it is."""
    save_stage(folder, name, model.networks[name], step=step, belongs_to=belongs_to)


def saved_adaptation(folder: Path) -> AdaptTextToImageConfig:
    """The config that an adaptation was begun with.

    Raises:
        InputError: no adaptation of a text-to-image model there, an unknown key or a wrong value.
    """
    values = read_config(RunFolder(folder)).get(ADAPTATION)
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
