"""Learners and their compiled steps are made once a process: tests train the same few tiny networks again and again.

What is built from equal configs is one object, so that JAX finds what it has traced before. The package itself builds
a learner once a run, and has no use for it. Only what is keyed by frozen configs is remembered; the rest is built anew.
Images that nearly every test trains on are drawn once as well.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from genjax.control import ControlConfig
from genjax.data.load import DATASETS
from genjax.devices import dispatch
from genjax.devices.sharding import stay
from genjax.families.family import Family, Stage, Training
from genjax.families.model import NO_CONDITION, ModelConfig
from genjax.families.registry import FAMILIES
from genjax.families.text import dump_vocabulary
from genjax.families.text_to_image import model as text_to_image

MOST = 200  # learners and steps that are kept at once
REMEMBERED = ("digits", "glyphs")  # sources of images
LARGEST = 4_000_000  # bytes of a set that is kept
ANY_STEPS = -1  # stands for the steps of a run, on which no learner depends


def remember() -> None:
    """Replaces what builds learners and steps by what remembers them; before other modules import it."""
    for name, family in list(FAMILIES.items()):
        FAMILIES[name] = remembering(family)
    dispatch.make_programs = _steps(dispatch.make_programs)
    text_to_image.TextToImage.drawer = _drawers(text_to_image.TextToImage.drawer)
    for name in REMEMBERED:
        DATASETS[name] = DATASETS[name]._replace(load=_images(DATASETS[name].load))


def remembering(family: Family) -> Family:
    """Returns a family whose transfers and stages are built once for equal configs."""
    return family._replace(stages=_stages(family.stages), transfers=_transfers(family.transfers))


def _kept(known: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    if key not in known:
        if len(known) >= MOST:
            del known[next(iter(known))]
        known[key] = make()
    return known[key]


def _key(model: ModelConfig) -> Any:
    """Returns a hashable object that is equal for equal models; vocabularies are told apart by what they contain."""
    kind, names, vocabulary, styles, new = model.condition
    contents = None if vocabulary is None else dump_vocabulary(vocabulary)
    return dataclasses.replace(model, condition=NO_CONDITION), kind, names, contents, styles, new


def _transfers(make: Callable[..., Any]) -> Callable[..., Any]:
    """Without what was measured or drawn of a source, which is large and no config."""
    known: dict[Any, Any] = {}

    def transfers(model: ModelConfig, choice: Sequence[Any], offers: Mapping[str, Any]) -> Any:
        if any(offer.fisher is not None or offer.drawn is not None for offer in offers.values()):
            return make(model, choice, offers)
        plain = tuple((name, offer._replace(denoising=None)) for name, offer in offers.items())  # made of the model
        key = (_key(model), tuple(choice), plain)
        return dict(_kept(known, key, lambda: make(model, choice, offers)))

    return transfers


def _stages(make: Callable[..., Any]) -> Callable[..., Any]:
    """Transfers are told apart by identity, and kept with the stages, so that no later one has the same."""
    known: dict[Any, Any] = {}

    def stages(model: ModelConfig, how: Training) -> tuple[Stage, ...]:
        if not isinstance(how.control, ControlConfig) or how.share is not stay or how.shots is not None:
            return make(model, how)
        transfers = tuple(sorted((name, id(one)) for name, one in how.transfers.items()))
        others = tuple(id(one) for one in how.others)  # of families, which live as long as the process
        settings = (how.control, how.adaptation, how.accumulate, how.learning_rate_scale, how.images)
        built, _ = _kept(
            known,
            (_key(model), transfers, others, settings),
            lambda: (make(model, how._replace(steps=ANY_STEPS)), how),
        )
        return tuple(stage._replace(steps=how.steps) if stage.steps == ANY_STEPS else stage for stage in built)

    return stages


def _steps(make: Callable[..., Any]) -> Callable[..., Any]:
    """On one device; on several, the compiled step depends on the state's shapes."""
    known: dict[Any, Any] = {}

    def make_programs(learner: Any, layout: Any, like: Any) -> Any:
        if layout.mesh is not None:
            return make(learner, layout, like)
        return _kept(known, id(learner.step), lambda: (make(learner, layout, like), learner))[0]

    return make_programs


def _images(load: Callable[..., Any]) -> Callable[..., Any]:
    """Small sets, for there are many; whoever asks gets a copy, to do with as one likes."""
    known: dict[Any, Any] = {}

    @functools.wraps(load)
    def loaded(variant: str, request: Any) -> Any:
        key = (variant, request)
        found = known.get(key) or load(variant, request)
        if not isinstance(found.images, np.ndarray) or found.images.nbytes > LARGEST:
            return found
        found = _kept(known, key, lambda: found)
        return dataclasses.replace(found, images=found.images.copy(), labels=found.labels.copy())

    return loaded


def as_loaded() -> dict[str, Any]:
    """The sources that are remembered, as they are in the package: for tests of the images themselves."""
    return {name: DATASETS[name]._replace(load=inspect.unwrap(DATASETS[name].load)) for name in REMEMBERED}


def _drawers(make: Callable[..., Any]) -> Callable[..., Any]:
    """Of models alike in all but their parameters, which are given to what is compiled."""
    known: dict[Any, Any] = {}

    def drawer(self: text_to_image.TextToImage, method: str, decoding: Any) -> Any:
        key = (_key(self.config), frozenset(self.networks), method, decoding)
        return _kept(known, key, lambda: make(self, method, decoding))

    return drawer
