"""Using a run that is trained: pictures out of it, and a judgement of it against held-out images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.config import AdaptConfig
from genjax.data import load
from genjax.data.captioned import load_captioned
from genjax.data.sources.npz import read_npz
from genjax.devices import backend
from genjax.errors import InputError, lookup
from genjax.evaluate import CORE, METRICS, Record, evaluate_images, load_extractor, small_sample_warnings
from genjax.evaluate.model_metrics import EXPLANATIONS, explain
from genjax.evaluate.run_data import source_samples, training_images
from genjax.evaluate.sampling import sample_run
from genjax.evaluate.text_to_image_run import begun, captioned_images, readable
from genjax.families.text_to_image.model import is_text_to_image, load_text_to_image
from genjax.store.model import load_model, read_model_config
from genjax.store.run_folder import RunFolder
from genjax.terminal import warn
from genjax.training.plan import run_config, saved_data

DEFAULT_SAMPLES = 1000  # of a run on the real side, which says of itself no number


def evaluate_run(
    run: Path,
    *,
    data: str = "",
    split: str = "test",
    num: int = 0,
    metrics: Sequence[str] = CORE,
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
    skip_broken: bool = False,
) -> list[Record]:
    """Records of a run's samples against real images that it was not trained on.

    Args:
        run: its folder.
        data: the real set; empty is the one that the run was trained on.
        split: of the real set.
        num: generated images; 0 is as many as there are real ones.
        metrics: by name.
        seed: of the latents.
        which: latest or best.
        source: where the run that it was adapted from lies, if it has been moved.
        skip_broken: leave out files of a folder that cannot be read as images.
    Raises:
        InputError: a set, a metric or a run that cannot be used.
    """
    real = data or saved_data(RunFolder(run))
    return judge(
        f"run:{run}",
        real,
        split=split,
        num=num,
        metrics=metrics,
        seed=seed,
        which=which,
        source=source,
        skip_broken=skip_broken,
    )


def judge(
    fake: str,
    real: str,
    *,
    size: int = 0,
    split: str = "test",
    num: int = 0,
    metrics: Sequence[str] = CORE,
    extractor: str = "embedded-v1",
    seed: int = 0,
    which: str = "latest",
    source: Path | None = None,
    skip_broken: bool = False,
) -> list[Record]:
    """Records of generated images, from a run or from any other tool, against real ones.

    Args:
        fake: `run:PATH`, or any set: folder:PATH, npz:PATH, digits, ... of which all images are taken.
        real: the same; of a set the part `split` is taken.
        size: of both; 0 is what a run or an .npz says, else 32.
        split: of the real set.
        num: generated images; 0 is all of a set, and of a run as many as there are real ones.
        metrics: by name.
        extractor: by name.
        seed: of the latents.
        which: model of a run, latest or best.
        source: where the run that `fake` was adapted from lies, if it has been moved.
        skip_broken: leave out files of a folder that cannot be read as images.
    Raises:
        InputError: a set, a metric, an extractor or a run that cannot be used.
    """
    chosen = load_extractor(extractor)
    for name in metrics:
        lookup({**METRICS, **EXPLANATIONS}, name, "metric")
    pictured = [name for name in metrics if name in METRICS]
    explained = [name for name in metrics if name in EXPLANATIONS]
    if explained and _is_run(fake) and is_text_to_image(_run_path(fake)):
        raise InputError(f"{', '.join(explained)} need a VAE, and {fake} is a text-to-image model. Leave them out.")
    if explained and not _is_run(fake):
        raise InputError(f"{', '.join(explained)} need a model, and {fake} is a set of images. Evaluate a run.")
    size = size or _stated_size(fake, which) or _stated_size(real, which) or 32
    channels = _stated_channels(fake, which) or _stated_channels(real, which)
    shared: dict[str, Any] = {"size": size, "seed": seed, "which": which, "skip_broken": skip_broken}
    spoken = _is_run(fake) and is_text_to_image(_run_path(fake))
    if spoken and (which != "latest" or source is not None):
        raise InputError(f"--which and --source are of GANs and VAEs, and {fake} has one model, whole. Leave them out.")
    real_images, captions = _images(real, channels=channels, split=split, num=0, spoken=spoken, **shared)
    fake_images, _ = _images(
        fake,
        channels=channels or real_images.shape[-1],
        split="all",
        num=num or len(real_images) * _is_run(fake),
        source=source,
        texts=captions,
        **shared,
    )
    about: dict[str, Any] = {"data": real, "split": split, "seed": seed}
    records: list[Record] = []
    if explained:
        model = load_model(_run_path(fake), which=which, source=source, sampled_only=True)
        records += explain(model, real_images, metrics=explained, **about)
    if pictured or not explained:
        further = further_images(fake, pictured, len(fake_images), seed=seed, which=which, source=source)
        records += evaluate_images(
            real_images,
            fake_images,
            extractor=chosen,
            metrics=pictured,
            cache=backend.cache_folder(),
            **about,
            **further,
        )
    for line in small_sample_warnings(records):
        warn(line)
    return records


def further_images(
    fake: str, metrics: Sequence[str], num: int, *, seed: int, which: str, source: Path | None
) -> dict[str, Any]:
    """What a run was trained on and what its source makes, as far as metrics ask for it and a run can tell.

    Args:
        fake: `run:PATH`; of anything else nothing is known.
        metrics: by name.
        num: generated images.
        seed: of their latents.
        which: model of the run.
        source: where the run that it was adapted from lies, if it has been moved.
    Raises:
        InputError: the training images or the source cannot be had any more.
    """
    needs = {need for name in metrics for need in METRICS[name].needs}
    if not needs or not _is_run(fake):
        return {}
    run = _run_path(fake)
    if is_text_to_image(run):
        if "source" in needs:
            raise InputError(f"{run} is a text-to-image model, whose samples have no latents that a source shares.")
        return {"train_images": captioned_images(begun(run)).images[:]}
    config, found = run_config(RunFolder(run)), {}
    if "train" in needs:
        found["train_images"] = training_images(config, read_model_config(run, which=which)).images[:]
    if "source" in needs and isinstance(config, AdaptConfig):
        found["source_images"] = source_samples(run, num, seed=seed, source=source)
    return found


def _images(
    spec: str,
    *,
    size: int,
    channels: int,
    split: str,
    num: int,
    seed: int,
    which: str,
    skip_broken: bool,
    source: Path | None = None,
    spoken: bool = False,
    texts: Sequence[str] = (),
) -> tuple[np.ndarray, Sequence[str]]:
    """The images of a run or of a set: (n, size, size, c), uint8; and, of a set that is `spoken` of, their captions.

    A text-to-image model draws the texts, in turn, the first candidate of each.
    """
    if _is_run(spec):
        num, run = num or DEFAULT_SAMPLES, _run_path(spec)
        if not is_text_to_image(run):
            return sample_run(run, num, seed=seed, which=which, source=source), ()
        if not texts:
            raise InputError(f"{run} draws what a text says, and there are no captions to draw. Use it as --fake.")
        model = load_text_to_image(run)
        places = readable(model, texts)
        if len(places) < len(texts):
            warn(f"{len(texts) - len(places)} of {len(texts)} captions have words that {run} does not know: not drawn")
        asked = [texts[places[index % len(places)]] for index in range(num)]
        return model.sample(asked, jax.random.key(seed), candidates=1).images, ()
    options: dict[str, Any] = {"size": size, "channels": channels, "split": split, "seed": seed}
    images = (load_captioned if spoken else load)(spec, skip_broken=skip_broken, **options)
    return images.images[np.arange(len(images) if not num else min(num, len(images)))], images.captions


def _is_run(spec: str) -> bool:
    return spec.startswith("run:")


def _run_path(spec: str) -> Path:
    return Path(spec.removeprefix("run:"))


def _stated_size(spec: str, which: str) -> int:
    """The size that a run or an .npz has; 0 for a set, which is brought to any."""
    if _is_run(spec):
        run = _run_path(spec)
        return begun(run).size if is_text_to_image(run) else read_model_config(run, which=which).size
    if spec.startswith("npz:"):
        return read_npz(Path(spec.removeprefix("npz:")).expanduser(), spec)[0].shape[1]
    return 0


def _stated_channels(spec: str, which: str) -> int:
    """The channels that a run has; 0 for a set, whose images can be converted."""
    if not _is_run(spec):
        return 0
    run = _run_path(spec)
    return begun(run).channels if is_text_to_image(run) else read_model_config(run, which=which).channels
