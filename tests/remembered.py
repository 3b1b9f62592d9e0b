"""Learners and their compiled steps are made once a process: tests train the same few tiny networks again and again.

What is built from equal configs is one object, so that JAX finds what it has traced before. The package itself builds
a learner once a run, and has no use for it. Only what is keyed by frozen configs is remembered; the rest is built anew.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genjax.config import ControlConfig
from genjax.devices import dispatch
from genjax.devices.sharding import stay
from genjax.families import build, recipes
from genjax.families.text_to_image import model as text_to_image
from genjax.families.text_to_image import prior_recipes
from genjax.families.text_to_image.text import Vocabulary, dump_vocabulary

MOST = 200  # learners and steps that are kept at once


def remember() -> None:
    """Replaces what builds learners and steps by what remembers them; before other modules import it."""
    recipes.build_transfers = _transfers(recipes.build_transfers)
    build.build_transfers = recipes.build_transfers
    build.build_learner = _learners(build.build_learner)
    dispatch.make_programs = _steps(dispatch.make_programs)
    dispatch.make_update = _steps(dispatch.make_update)
    prior_recipes.prior_transfer = _prior_transfers(prior_recipes.prior_transfer)
    text_to_image.learners_of = _stages(text_to_image.learners_of)
    text_to_image.TextToImage.drawer = _drawers(text_to_image.TextToImage.drawer)
    from genjax.training import adapt_text_to_image as adaptation  # which imports what is replaced above

    adaptation.freeze = functools.lru_cache(adaptation.freeze)


def _kept(known: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    if key not in known:
        if len(known) >= MOST:
            del known[next(iter(known))]
        known[key] = make()
    return known[key]


def _transfers(make: Callable[..., Any]) -> Callable[..., Any]:
    """Without Fisher information, which is large and no config."""
    known: dict[Any, Any] = {}

    def build_transfers(config: Any, model: Any, fisher: Any = None) -> Any:
        if fisher:
            return make(config, model, fisher)
        return dict(_kept(known, (config, model), lambda: make(config, model)))

    return build_transfers


def _learners(make: Callable[..., Any]) -> Callable[..., Any]:
    """Transfers are told apart by identity, and kept with the learner, so that no later one has the same."""
    known: dict[Any, Any] = {}

    def build_learner(model: Any, transfers: Mapping[str, Any], control: Any = build.NO_CONTROL, **options: Any) -> Any:
        if not isinstance(control, ControlConfig) or options.get("share", stay) is not stay:
            return make(model, transfers, control, **options)
        settings = tuple(sorted((name, value) for name, value in options.items() if name != "share"))
        key = (model, tuple(sorted((name, id(one)) for name, one in transfers.items())), control, settings)
        return _kept(known, key, lambda: (make(model, transfers, control, **options), transfers))[0]

    return build_learner


def _steps(make: Callable[..., Any]) -> Callable[..., Any]:
    """On one device; on several, the compiled step depends on the state's shapes."""
    known: dict[Any, Any] = {}

    def make_steps(learner: Any, layout: Any, like: Any) -> Any:
        if layout.mesh is not None:
            return make(learner, layout, like)
        return _kept(known, id(learner.step), lambda: (make(learner, layout, like), learner))[0]

    return make_steps


def _prior_transfers(make: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def prior_transfer(config: Any) -> Any:
        return _kept(known, dataclasses.replace(config, source=Path(), out=Path(), seed=0), lambda: make(config))

    return prior_transfer


def _stages(make: Callable[..., Any]) -> Callable[..., Any]:
    """Of a text-to-image model; a seed is of the run, not of what is trained. Transfers as in `_learners`."""
    known: dict[Any, Any] = {}

    def learners_of(config: Any, vocabulary: Vocabulary, channels: int, **options: Any) -> Any:
        transfers = options.get("transfers") or {}
        settings = (channels, options.get("images_per_epoch", 0), *sorted((k, id(v)) for k, v in transfers.items()))
        key = (dataclasses.replace(config, out=Path(), seed=0), dump_vocabulary(vocabulary), settings)
        return dict(_kept(known, key, lambda: (make(config, vocabulary, channels, **options), transfers))[0])

    return learners_of


def _drawers(make: Callable[..., Any]) -> Callable[..., Any]:
    """Of models alike in all but their parameters, which are given to what is compiled."""
    known: dict[Any, Any] = {}

    def drawer(self: text_to_image.TextToImage, method: str, decoding: Any) -> Any:
        config = dataclasses.replace(self.config, out=Path())
        key = (config, self.channels, self.segments, frozenset(self.networks), method, decoding)
        return _kept(known, key, lambda: make(self, method, decoding))

    return drawer
