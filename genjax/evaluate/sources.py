"""A ranking of sources for an adaptation, before anything is trained: how near their samples are to the shots.

Three numbers a source, none of which needs a training: recall, the share of the shots that lie among its samples;
distance, from a shot to the nearest of its samples, in features; and fit, how badly the model explains the shots,
where it can tell. How well they foretell the result of an adaptation: experiments/results/sources.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from genjax.data import Dataset, few_shot
from genjax.data.named_shots import check_characters, shots_named
from genjax.errors import InputError
from genjax.evaluate.features.extractor import extract_features
from genjax.evaluate.features.registry import load_extractor
from genjax.evaluate.metrics.memorisation import nearest
from genjax.evaluate.metrics.neighbours import RECALL_K, recalled
from genjax.evaluate.run_data import load_images
from genjax.evaluate.sampling import Loaded, draw_loaded, load_trained
from genjax.families.conditions import column_of, in_turn, numbers_of, said_of, with_new_styles
from genjax.families.model import ModelConfig, check_adaptable
from genjax.families.registry import FAMILIES
from genjax.store.description import read_model_config
from genjax.store.run_folder import RunFolder, is_run
from genjax.terminal import progress, reason
from genjax.zoo.cards import PREFIX, cards, run_named

FEWEST = RECALL_K + 1  # samples that have a third neighbour


class Suited(NamedTuple):
    """The measures of a source; None in place of one that cannot be taken.

    Attributes:
        source: as it is named in --source.
        kind: of model.
        recall: share of the shots that lie among its samples, from 0 to 1; higher is better.
        distance: mean over the shots of the distance to the nearest sample, in features; lower is better.
        fit: mean over the shots of how badly the model explains them; lower is better, among models of one family,
            process and size only.
        refused: why it cannot be adapted to these shots; empty where it can.
    """

    source: str
    kind: str
    recall: float | None = None
    distance: float | None = None
    fit: float | None = None
    refused: str = ""


def rank_sources(
    data: str,
    *,
    shots: int | None = None,
    shots_of: str = "",
    sources: Sequence[str | Path] = (),
    num: int = 200,
    seed: int = 0,
) -> list[Suited]:
    """Ranks sources by the distance from the shots to what they draw; those that cannot be adapted come last.

    Args:
        data: set that is to be adapted to.
        shots: images of it that are the shots, chosen as `adapt` chooses them; None is all.
        shots_of: classes of one character each whose images are the shots instead.
        sources: runs, or ``zoo:NAME``; none is the zoo and the runs in `runs`.
        num: images that each source draws.
        seed: of the shots and of the latents.
    Raises:
        InputError: no such set, shots that it does not have, no source, or too few images to be drawn.
    """
    if num < FEWEST:
        raise InputError(f"--num {num}: recall looks at the neighbour number {RECALL_K}. Use {FEWEST} or more.")
    if shots is not None and shots < 1:
        raise InputError(f"--shots {shots}: there is nothing to adapt to. Use 1 or more, or leave it out.")
    check_characters(shots_of)
    if shots and shots_of:
        raise InputError("--shots and --shots-of both choose the shots. Use one of them.")
    named = [str(source) for source in sources] or known_sources()
    read = _Shots(data, shots, shots_of, seed)
    configs = {name: read_model_config(run_named(name)) for name in named}  # refuses what is no run before all else
    read.without_condition(next(iter(configs.values())))  # and shots that no source could be adapted to
    found = []
    with progress("sources", done=0, total=len(configs) * num) as bar:
        for name, config in configs.items():
            found.append(_suited(name, config, read, num))
            bar.update(num)
    return sorted(found, key=lambda one: (bool(one.refused), np.inf if one.distance is None else one.distance))


def known_sources(runs: Path = Path("runs")) -> list[str]:
    """Lists the models of the zoo, and the runs in a folder that have a model."""
    own = sorted(place for place in runs.glob("*") if is_run(RunFolder(place)) and _has_model(place))
    return [f"{PREFIX}{card.name}" for card in cards()] + [str(place) for place in own]


def _has_model(run: Path) -> bool:
    try:
        read_model_config(run)
    except InputError:
        return False
    return True


class _Shots(NamedTuple):
    """The images that are to be adapted to, as they were asked for."""

    data: str
    number: int | None
    named: str
    seed: int

    def of(self, model: ModelConfig) -> Dataset:
        """Loads them as a model reads images, with captions for a model of texts."""
        return self._load(model, model.condition.kind)

    def without_condition(self, model: ModelConfig) -> Dataset:
        """Loads them in the size of a model, whether or not they have what it is conditioned on."""
        return self._load(model, "none")

    def _load(self, model: ModelConfig, kind: str) -> Dataset:
        request = {"size": model.size, "channels": model.channels, "seed": self.seed, "quiet": True}
        images = load_images(kind, self.data, split="all" if self.named else "train", **request)
        if self.named:
            return shots_named(images, self.named)
        return few_shot(images, self.number, self.seed) if self.number else images


def _suited(name: str, config: ModelConfig, read: _Shots, num: int) -> Suited:
    """Measures one source, or says why it cannot be adapted to the shots."""
    kind = FAMILIES[config.family].label
    try:
        shots = read.of(config)
        column_of(with_new_styles(config.condition, shots), shots)  # refuses classes that it does not know
        loaded = load_trained(run_named(name))
        check_adaptable(loaded.model)
        said = said_of(config.condition, shots)
        asked = in_turn(said, num) if said else None
        drawn = draw_loaded(loaded, run_named(name), num, seed=read.seed, asked=asked)
        recall, distance = nearness(shots.images[:], drawn)
        return Suited(name, kind, recall, distance, _fit(loaded, shots))
    except InputError as error:
        return Suited(name, kind, refused=reason(error))


def nearness(shots: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Computes recall and mean distance of shots to what a source draws, in the features of `embedded-v1`.

    Args:
        shots: uint8 (k, h, w, c), 1 or more.
        drawn: uint8 (n, h, w, c), `FEWEST` or more.
    """
    extractor = load_extractor("embedded-v1")
    real, fake = extract_features(extractor, shots), extract_features(extractor, drawn)
    return recalled(real, fake, k=RECALL_K), float(nearest(real, fake)[1].mean())


def _fit(loaded: Loaded, shots: Dataset) -> float | None:
    """Returns how badly a model explains the shots, in its own terms; None where it cannot tell."""
    condition, fit = loaded.model.config.condition, loaded.trained.fit
    if fit is None:
        return None
    texts = said_of(condition, shots)
    if texts is not None:
        numbers_of(condition, texts)
        if len(texts) != len(shots):
            return None
    return float(np.mean(jax.device_get(fit(shots.images[:], texts))))
