"""The report of a text-to-image model: what it draws of texts, what its tokens keep, what its prior knows."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import jax
import numpy as np

from genjax.config.text_to_image import AdaptTextToImageConfig
from genjax.data import Dataset
from genjax.data.images import to_uint8
from genjax.errors import InputError
from genjax.evaluate import Extractor, Record, psnr, ssim
from genjax.evaluate.metrics.unigram import placed_unigram_nats
from genjax.evaluate.model_metrics import EQUAL_DB, Explained, record_of
from genjax.evaluate.run_data import Real
from genjax.evaluate.text_to_image_run import Begun, begun, captioned_real, readable
from genjax.families.chunks import in_chunks
from genjax.families.text_to_image.model import TextToImage, learners_of, load_text_to_image
from genjax.report import warnings
from genjax.report.command import command_line
from genjax.report.draw.series import Series, read_series
from genjax.report.facts import described_set
from genjax.report.measure import PICTURED, TRAINING_PICTURED, measure, training_caption
from genjax.report.nearest import RECONSTRUCTED, neighbourhoods, spread_out
from genjax.report.page import LINE, Drawn, Neighbourhood, RunReport
from genjax.store.doctor import stage_steps
from genjax.store.metrics import read_metrics
from genjax.store.records import kept_records
from genjax.store.run_folder import RunFolder, read_config
from genjax.training.stage import encoded
from genjax.tree import count

TEXTS = 8  # that are drawn several times
CHUNK = 64


def gather_text_to_image(run: Path, name: str, *, extractor: Extractor, num: int) -> RunReport:
    """Everything that the report of one such model shows. Arguments and errors as in `reporting.gather`."""
    model, how, values = load_text_to_image(run), begun(run), read_config(RunFolder(run))
    train, held_out, notes = real = captioned_real(how)
    spoken = held_out or train
    if spoken is None:
        raise InputError(f"{run}: there is no text to draw. {notes[0]}")
    places = readable(model, spoken.captions)
    chosen = spread_out(spoken.take(places), num)
    samples = model.sample(chosen.captions, jax.random.key(0), candidates=1).images
    records = measure(samples, real, None, extractor, num)
    said = [*notes]
    if len(places) < len(spoken):
        missing = f"{len(spoken) - len(places)} of {len(spoken)} captions"
        said.append(f"{missing} that were to be drawn have words that the model does not know, and are left out.")
    closest: tuple[Neighbourhood, ...] = ()
    farthest, unit = closest, ""
    if train is not None:
        closest, farthest, unit, likeness = neighbourhoods(samples, real, extractor)
        said += warnings.likeness_warnings(likeness)
        said += warnings.image_warnings(len(train), len(held_out) if held_out else 0, split="train")
        if held_out is not None:
            records += explain_text_to_image(model, train, chosen)
    kept, kept_notes = kept_records(run)
    originals = spread_out(spoken, RECONSTRUCTED).images[:]
    return RunReport(
        name=name,
        summary=summary(how, model, train),
        command=command_line(how.config),
        facts=facts(how, model, real, str(values.get("version", "unknown"))),
        config=values,
        samples=samples[:PICTURED],
        warnings=(*said, *warnings.record_warnings([*records, *kept], data=how.config.data), *kept_notes),
        training=None if train is None else spread_out(train, TRAINING_PICTURED).images[:],
        training_caption=training_caption(train),
        asked=f"Captions of {'held-out' if held_out else 'training'} images",
        drawn=drawn(model, chosen.captions),
        closest=closest,
        farthest=farthest,
        distance_unit=unit,
        held_out=originals,
        reconstructed=reconstructed(model, originals),
        series=stage_series(run, stage_steps(model.config), name),
        records=tuple(record.to_json() for record in records),
        kept=tuple(record.to_json() for record in kept),
    )


def drawn(model: TextToImage, captions: Sequence[str]) -> tuple[Drawn, ...]:
    """The first texts that differ, each drawn as often as a line has room."""
    texts = list(dict.fromkeys(captions))[:TEXTS]
    images = model.sample([text for text in texts for _ in range(LINE)], jax.random.key(1), candidates=1).images
    return tuple(Drawn(text, images[LINE * row : LINE * (row + 1)]) for row, text in enumerate(texts))


def explain_text_to_image(model: TextToImage, train: Dataset, held_out: Dataset) -> list[Record]:
    """Records of what the tokens keep of held-out images, and of what the prior knows of their tokens.

    Args:
        model: a trained one.
        train: what it was trained on, for the counts that it is compared with.
        held_out: images with captions.
    Returns:
        psnr and ssim through the tokenizer; nats of an image's tokens given its text, and by counts of each place.
    """
    images = held_out.images[:]
    made = reconstructed(model, images)
    tokens, known = (encoded(model.codec.encode, model.networks["tokenizer"], some) for some in (images, train.images))
    codes, through = model.config.tokenizer.codes, "through the tokenizer"
    found = {
        "psnr": Explained(np.minimum(psnr(images, made), EQUAL_DB), through),
        "ssim": Explained(ssim(images, made), through),
        "token_nats": Explained(token_nats(model, tokens, held_out.captions), "of an image's tokens, given its text"),
        "unigram_nats": Explained(placed_unigram_nats(known, tokens, codes), "the same, by counts of each place"),
    }
    return [
        record_of(name, one, images, data=held_out.name, split=held_out.split, seed=0) for name, one in found.items()
    ]


def token_nats(model: TextToImage, tokens: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """-log p of the image tokens (n, places) given their texts, in nats (n,)."""
    learner = learners_of(model.config, model.vocabulary, model.channels)["prior"]
    if learner.target_nats is None:
        raise ValueError("an autoregressive prior has a likelihood")
    judge, networks = jax.jit(learner.target_nats), {"prior": model.networks["prior"]}
    return in_chunks(
        lambda text, part: judge(networks, {"prior": ()}, {"text": text, "tokens": part}),
        model.vocabulary.encode(captions),
        tokens,
        chunk=CHUNK,
    )


def reconstructed(model: TextToImage, images: np.ndarray) -> np.ndarray:
    """uint8 images through the tokenizer and back."""
    codec, params = model.codec, model.networks["tokenizer"]
    through = jax.jit(lambda some: codec.decode(params, codec.encode(params, some)))
    return to_uint8(in_chunks(through, images, chunk=CHUNK))


def stage_series(run: Path, stages: Iterable[str], label: str) -> dict[str, Series]:
    """The curves of all stages, each under the heading of its kind: `loss/total` of a prior is `loss/prior/total`."""
    found: dict[str, Series] = {}
    for stage in stages:
        for name, curve in read_series(read_metrics(RunFolder(run / stage).metrics), label).items():
            kind, _, rest = name.partition("/")
            found[f"{kind}/{stage}/{rest}" if rest else f"{stage}/{kind}"] = curve
    return found


def summary(how: Begun, model: TextToImage, train: Dataset | None) -> str:
    """The model in a sentence."""
    number = "" if train is None else f"{len(train):,} captioned images of "
    kind = f"Text to image, {how.size}x{how.size} pixels: a {model.config.tokenizer.kind} tokenizer and a transformer"
    if isinstance(how.config, AdaptTextToImageConfig):
        source, transfer = how.config.source, how.config.transfer
        return f"{kind}, adapted from {source} to {number}{how.config.data} (transfer {transfer})."
    return f"{kind}, trained on {number}{how.config.data}."


def facts(how: Begun, model: TextToImage, real: Real, version: str) -> tuple[tuple[str, str], ...]:
    """(name, value) for the table of the report."""
    config = model.config
    numbers = ", ".join(f"{name} {count(tree):,}" for name, tree in model.networks.items())
    steps = ", ".join(f"{name} {number:,}" for name, number in stage_steps(config).items())
    rows = [
        ("Images", how.config.data if real.train is None else described_set(real.train)),
        ("sha256 of images and captions", how.data_hash),
        ("Held out", "none" if real.held_out is None else described_set(real.held_out)),
        ("Texts", f"{model.vocabulary.kind}, {model.vocabulary.numbers} tokens, at most {model.vocabulary.length}"),
        ("Tokens of an image", f"{config.tokenizer.grid**2} of {config.tokenizer.codes}"),
        ("Parameters", numbers),
        ("Steps", f"{steps}; {config.batch} images each"),
        ("Seed", str(config.seed)),
        ("genjax", version),
    ]
    if isinstance(how.config, AdaptTextToImageConfig):
        rows.insert(0, ("Source", f"{how.config.source}, transfer {how.config.transfer}"))
    return tuple(rows)
