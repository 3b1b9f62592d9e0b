"""From a text-to-image model to another style, of few captioned images: low-rank updates of the prior alone.

The tokenizer is frozen, as the tokens that the prior knows are its own, and so is the vocabulary. (Hu et al. 2022)
"""

import dataclasses
from pathlib import Path
from typing import Any

from genjax.config import to_json
from genjax.config.model import TEXT_TO_IMAGE
from genjax.data import Dataset, check_batch
from genjax.data.captioned import require_captions
from genjax.errors import InputError
from genjax.text import save_vocabulary
from genjax.train.lock import locked
from genjax.train.plan import changes
from genjax.train.run_folder import RunFolder, begin, check_free, read_config
from genjax.train.stage import run_stage
from genjax.train.stage_files import save_stage
from genjax.train.text_to_image import MAY_CHANGE, TextToImageOutcome, captioned_hash, prior_stage, tokens_of
from genjax.train.text_to_image_model import VOCABULARY, load_text_to_image, parts_of
from genjax.transfer import Transfer, lora


def adapt_text_to_image(
    source: Path,
    data: Dataset,
    out: Path,
    *,
    steps: int = 300,
    batch: int = 0,
    transfer: Transfer | None = None,
    learning_rate: float = 1e-3,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
) -> TextToImageOutcome:
    """Adapts the autoregressive prior of the model in `source` to a set with captions; `out` is a model like any other.

    Args:
        source: folder of a trained model; its tokenizer, vocabulary and reranker are taken over as they are.
        data: of the same size and channels, with captions in words that the source knows.
        out: folder of the adapted model.
        steps: updates of the prior.
        batch: images in a batch; 0 is all of the set, at most the source's.
        transfer: of the prior; None is `lora(rank=4)`.
        learning_rate: Adam's.
        seed: of the order of images and of the low-rank updates.
        resume: go on with the adaptation in that folder.
        force: delete a run that is in that folder.
    Raises:
        InputError: no such source, images of another shape, a caption that the source cannot read, or a folder that
            is taken.
    """
    model, folder = load_text_to_image(source), Path(out)
    expected = (model.config.size, model.config.size, model.channels)
    if tuple(data.images.shape[1:]) != expected:
        raise InputError(
            f"{data.name} has images {tuple(data.images.shape[1:])}, and those of {source} are {expected}."
            " Load them at its size and channels."
        )
    text = model.vocabulary.encode(require_captions(data))
    batch = batch or min(model.config.batch, len(data))
    check_batch(len(data), batch)
    prior = dataclasses.replace(model.config.prior, learning_rate=learning_rate)
    config = dataclasses.replace(
        model.config, prior=prior, prior_steps=steps, masked_steps=0, batch=batch, seed=seed, out=folder
    )
    described = {"kind": TEXT_TO_IMAGE, "config": to_json(config), "channels": model.channels}
    described |= {"data_hash": captioned_hash(data), "source": str(source)}
    if resume:
        _check_same(RunFolder(folder), described)
    else:
        check_free(RunFolder(folder), force=force)
    tokenizer = model.networks["tokenizer"]
    arrays = {"text": text, "tokens": tokens_of(config, tokenizer, data)}
    with locked(folder):
        if not resume:
            begin(RunFolder(folder), described, force=force)
        save_vocabulary(folder / VOCABULARY, model.vocabulary)
        parts = parts_of(tokenizer, folder / VOCABULARY)
        save_stage(folder, "tokenizer", {"tokenizer": tokenizer}, step=config.tokenizer_steps, belongs_to={})
        if "reranker" in model.networks:
            reranker, own = {"reranker": model.networks["reranker"]}, {"vocabulary": parts["vocabulary"]}
            save_stage(folder, "reranker", reranker, step=config.reranker_steps, belongs_to=own)
        stage = prior_stage(
            "prior",
            config.prior,
            model.segments,
            arrays,
            config,
            steps=steps,
            parts=parts,
            transfer=transfer or lora(rank=4),
            source=model.networks["prior"],
        )
        signal = run_stage(folder, stage, seed=seed, log_every=config.log_every, save_every=config.save_every)
    return TextToImageOutcome(folder, signal, "prior" if signal is not None else "")


def _check_same(folder: RunFolder, described: dict[str, Any]) -> None:
    """Raises InputError unless the adaptation in a folder was begun under these settings, with these images."""
    begun = read_config(folder)
    kept = [{**some.get("config", {}), "data_hash": some.get("data_hash", "")} for some in (begun, described)]
    changed = changes(*({name: value for name, value in some.items() if name not in MAY_CHANGE} for some in kept))
    if changed:
        raise InputError(
            f"the adaptation in {folder.path} was begun otherwise: {changed}. Bring that back, or use another folder."
        )
