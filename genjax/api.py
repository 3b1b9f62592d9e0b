"""The verbs in Python: train, adapt, load, sample, evaluate, report, ... `genjax.train` is `genjax.api.train`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genjax.config import AdaptConfig, ImportConfig, TrainConfig, default_config
from genjax.config.presets import preset_named
from genjax.data import Dataset
from genjax.errors import InputError, did_you_mean
from genjax.evaluate.editing import STRENGTH, Change, edit_loaded
from genjax.evaluate.records import Record
from genjax.evaluate.run import judge
from genjax.evaluate.sampling import Loaded, draw_loaded, load_trained
from genjax.families.model import ModelConfig
from genjax.families.registry import family_named, family_of
from genjax.report.gather import write_report
from genjax.store.public import imported
from genjax.store.run_config import saved_data
from genjax.store.run_folder import RunFolder
from genjax.terminal import say, warn
from genjax.training import loop
from genjax.training.loop import Outcome
from genjax.zoo.cards import run_named

Run = Path | str


@dataclass(frozen=True)
class TrainedModel:
    """A model on disk, ready to be sampled from.

    Attributes:
        run: folder of its run.
        loaded: its parameters and functions.
        which: latest or best.
        source: where the run that it was adapted from lies, if it was moved; None without.
    """

    run: Path
    loaded: Loaded = field(repr=False)
    which: str = "latest"
    source: Path | None = None

    @property
    def config(self) -> ModelConfig:
        """Returns the config of its networks."""
        return self.loaded.model.config

    def sample(
        self,
        num: int = 64,
        *,
        seed: int = 0,
        texts: Sequence[str] | None = None,
        class_name: str = "",
        guide: Run = "",
        **drawing: Any,
    ) -> np.ndarray:
        """Draws images.

        Args:
            num: number of images, of each text where there are some.
            seed: of the latents: those of `genjax sample --seed`.
            texts: to be drawn by a model of texts.
            class_name: class to be drawn by a model of classes.
            guide: folder of the run that guidance is away from, or "source" for the one that it was adapted from.
            drawing: options of drawing that the family has, such as `candidates` of a text-to-image model, or `steps`
                and `guidance` of a flow.
        Returns:
            uint8 (num, h, w, c).
        Raises:
            InputError: a condition or an option that the model does not have.
        """
        options = self._drawing(drawing)
        asked = {"texts": texts, "class_name": class_name, "guide": guide, "source": self.source}
        return draw_loaded(self.loaded, self.run, num, seed=seed, drawing=options, **asked)

    def edit(
        self,
        images: np.ndarray,
        *,
        class_name: str = "",
        text: str = "",
        from_class: str | Sequence[str] = "",
        from_text: str | Sequence[str] = "",
        strength: float = STRENGTH,
        **drawing: Any,
    ) -> np.ndarray:
        """Changes the class or text of images: back towards their noise, and from there to what they are to become.

        Args:
            images: uint8 (n, h, w, c), of the model's size.
            class_name: class that they are to have, of a model of classes.
            text: what they are to show, of a model of texts.
            from_class: class that they have, or one of each; empty is not known.
            from_text: text of what they show, or one of each; empty is not known.
            strength: share of the way to noise that they are brought back, in (0, 1]: near 0 they stay as they are.
            drawing: options of drawing that the family has, such as `steps` and `guidance`.
        Returns:
            uint8 (n, h, w, c).
        Raises:
            InputError: a model that cannot edit, or a class, text, image or option that it does not have.
        """
        change = Change(class_name, text, from_class, from_text, strength)
        return edit_loaded(self.loaded, self.run, images, change, drawing=self._drawing(drawing)).edited

    def _drawing(self, values: dict[str, Any]) -> Any:
        """Builds the options of drawing that the family has.

        Raises:
            InputError: one that it does not have.
        """
        try:
            return family_named(self.config.family).sampling(**values)
        except TypeError as error:
            raise InputError(f"{self.run}: {str(error).rpartition(') ')[2]}. Leave it out.") from None

    def reconstruct(self, images: np.ndarray, classes: Sequence[str] | None = None) -> np.ndarray:
        """Passes uint8 images (n, h, w, c) through the encoder and back.

        Args:
            images: uint8 images (n, h, w, c) of the model's size.
            classes: the class of each, for a VAE that was trained with --condition class.
        Raises:
            InputError: a model without an encoder, or one that is not told the classes that it needs.
        """
        if self.loaded.trained.reconstruct is None:
            raise InputError(f"{self.run} has no encoder that could reconstruct images. Use a VAE.")
        if classes is None:
            return self.loaded.trained.reconstruct(images)
        if not self.loaded.trained.classes:
            raise InputError(f"{self.run} reconstructs images without their classes. Leave them out.")
        return self.loaded.trained.reconstruct(images, classes)


def train(
    data: str | Dataset = "",
    model: Any = "",
    *,
    preset: str = "",
    out: Run = "",
    resume: bool = False,
    force: bool = False,
    **settings: Any,
) -> Path:
    """Pretrains a model on a set of images.

    Args:
        data: name of the set, such as "digits" or "folder:PATH", or a Dataset; empty is the family's usual one.
        model: name of a family, or its options: "gan", VaeConfig(latent_size=16); empty is that of the preset, or gan.
        preset: name of a preset to begin from, such as "digits-gan".
        out: folder of the run; empty is the usual one.
        resume: go on with the run in that folder, up to `steps` in all.
        force: delete a run that is in that folder.
        settings: further fields of `genjax.config.TrainConfig`: steps, size, batch, seed, ...
    Returns:
        The folder of the run.
    Raises:
        InputError: anything that cannot be used, before the first compile.
    """
    config = preset_named(preset).config if preset else TrainConfig()
    if model or not preset:
        options = family_named(model or config.family.name).options() if isinstance(model, str) else model
        config = dataclasses.replace(default_config(family_of(options)), model=options)
    changed = _changed(data, out, settings)
    outcome = loop.train(
        _replaced(config, changed), resume=resume, force=force, dataset=data if isinstance(data, Dataset) else None
    )
    return _ended(outcome, "train")


def adapt(
    source: Run,
    data: str | Dataset = "",
    *,
    shots: int | None = None,
    transfer: Any = "",
    out: Run = "",
    resume: bool = False,
    force: bool = False,
    **settings: Any,
) -> Path:
    """Adapts the model of a run to another set.

    Args:
        source: folder of the run to start from.
        data: name of the set, or a Dataset of which the shots are taken; empty is the family's usual one.
        shots: images to adapt to; None is all of them.
        transfer: names, "freeze,lora", or options, (Freeze(), Lora(rank=2)); empty is the family's usual one.
        out: folder of the run; empty is the usual one.
        resume: go on with the run in that folder.
        force: delete a run that is in that folder.
        settings: further fields of `genjax.config.AdaptConfig`: steps, seed, learning_rate_scale, ...
    Returns:
        The folder of the run.
    Raises:
        InputError: anything that cannot be used, before the first compile.
    """
    loaded = load_trained(run_named(source)).model.config
    config = AdaptConfig(**family_named(loaded.family).adapt_defaults)
    changed = _changed(data, out, settings) | {"source": run_named(source), "shots": shots}
    if transfer:
        changed["transfer"] = transfer
    outcome = loop.adapt(
        _replaced(config, changed), resume=resume, force=force, dataset=data if isinstance(data, Dataset) else None
    )
    return _ended(outcome, "adapt")


def import_checkpoint(checkpoint: str, out: Run = "runs/import", *, force: bool = False) -> Path:
    """Makes a run of a public checkpoint that lies on this machine.

    Args:
        checkpoint: library and folder, such as "diffusers:ddpm-cifar10-32".
        out: folder of the run.
        force: delete a run that is in that folder.
    Returns:
        The folder of the run.
    Raises:
        InputError: a checkpoint that cannot be used.
    """
    for note in imported.import_checkpoint(ImportConfig(checkpoint, Path(out)), force=force).notes:
        warn(note)
    return Path(out)


def load(run: Run, *, which: str = "latest", source: Run | None = None) -> TrainedModel:
    """Loads the model of a run.

    Args:
        run: its folder.
        which: latest, or best by its evaluations along training.
        source: where the run that it was adapted from lies, if it has been moved.
    Raises:
        InputError: no model there, or one that is damaged.
    """
    place = None if source is None else run_named(source)
    return TrainedModel(run_named(run), load_trained(run_named(run), which=which, source=place), which, place)


def sample(run: Run, num: int = 64, *, seed: int = 0, **how: Any) -> np.ndarray:
    """Draws images from a run: uint8 (num, h, w, c). Arguments and errors as in `TrainedModel.sample`."""
    return load(run).sample(num, seed=seed, **how)


def evaluate(
    model: Run | TrainedModel, data: str = "", *, metrics: Sequence[str] | None = None, num: int = 0, **how: Any
) -> list[Record]:
    """Judges a model's samples against real images that it was not trained on.

    Args:
        model: a model, or the folder of its run.
        data: name of the real set; empty is the one that it was trained on.
        metrics: names; None is the core ones, and those of letters where the truth of a font is known.
        num: generated images; 0 is as many as there are real ones.
        how: further arguments of `genjax.evaluate.run.judge`: split, extractor, seed, ...
    Raises:
        InputError: a set, a metric or a run that cannot be used.
    """
    one = model if isinstance(model, TrainedModel) else None
    run = one.run if one else run_named(str(model))
    if one:
        how = {"which": one.which, "source": one.source} | how
    return judge(f"run:{run}", data or saved_data(RunFolder(run)), metrics=metrics, num=num, **how)


def report(runs: Run | TrainedModel | Sequence[Run], out: Run | None = None, **how: Any) -> Path:
    """Writes one HTML page about a run, or several compared.

    Args:
        runs: folder of a run, or several.
        out: file or folder to write; None is report.html in the run.
        how: further arguments of `genjax.report.gather.write_report`: num, extractor, source.
    Returns:
        The file.
    Raises:
        InputError: no run, or one without a model.
    """
    if isinstance(runs, TrainedModel):
        runs = runs.run
    folders = [runs] if isinstance(runs, str | Path) else list(runs)
    return write_report([Path(run) for run in folders], None if out is None else Path(out), **how)


def _changed(data: str | Dataset, out: Run, settings: dict[str, Any]) -> dict[str, Any]:
    changed = dict(settings)
    if data:
        changed["data"] = data.name if isinstance(data, Dataset) else data
    if out:
        changed["out"] = Path(out)
    return changed


def _replaced(config: Any, changed: dict[str, Any]) -> Any:
    """Replaces fields of a config.

    Raises:
        InputError: a field that it does not have.
    """
    known = [one.name for one in dataclasses.fields(config)]
    for name in changed:
        if name not in known:
            raise InputError(f"unknown setting {name!r}. {did_you_mean(name, known)}")
    return dataclasses.replace(config, **changed)


def _ended(outcome: Outcome, verb: str) -> Path:
    folder = outcome.folder.path
    if outcome.collapse:
        warn(f"{folder}: {outcome.collapse}")
    if outcome.signal is not None:
        say(f"stopped by {outcome.signal.name}; go on with genjax.{verb}(..., out={str(folder)!r}, resume=True)")
    return folder
