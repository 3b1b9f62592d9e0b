"""The report of runs: everything that `genjax report` gathers and writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genjax.config import AdaptConfig, ImportConfig, TrainConfig
from genjax.data import Dataset, spread_out
from genjax.data.captioned import captioned_places
from genjax.errors import InputError
from genjax.evaluate import Extractor, load_extractor
from genjax.evaluate.kept_records import kept_records
from genjax.evaluate.model_metrics import explain, explains
from genjax.evaluate.records import COMPARED
from genjax.evaluate.run_data import Real, real_images, source_samples
from genjax.evaluate.sampling import load_trained
from genjax.families.conditions import classes_in_turn, said_of
from genjax.families.model import Condition, ModelConfig
from genjax.json_config import read_json
from genjax.report import warnings
from genjax.report.command import command_line
from genjax.report.comparison import comparison_page
from genjax.report.draw.series import Series, read_series
from genjax.report.facts import facts, summary
from genjax.report.measure import PICTURED, TRAINING_PICTURED, measure, training_caption
from genjax.report.nearest import JUDGED, MOST, SEARCHED, draw_pictures, neighbourhoods
from genjax.report.page import Neighbourhood, RunReport, run_page
from genjax.store.description import best_step, read_description
from genjax.store.metrics import read_metrics
from genjax.store.model import plain_stages
from genjax.store.run_config import run_config
from genjax.store.run_folder import RunFolder, read_config, stage_folder, write_bytes
from genjax.store.selection import read_selection
from genjax.version import __version__
from genjax.zoo.cards import ZOO

BESIDE = 32  # latents through the source and the adaptation
EXPLAINED = 200  # held-out images whose likelihood a VAE is asked for


def write_report(
    runs: Sequence[Path],
    out: Path | None = None,
    *,
    source: Path | None = None,
    extractor: str = "embedded-v1",
    num: int = JUDGED,
) -> Path:
    """Writes one page that needs nothing else: about one run, or several compared.

    Args:
        runs: their folders.
        out: a file that ends in .html, or a folder for report.html; None is report.html in the folder of the run, and
            for several comparison.html in that of the first.
        source: where the run that they were adapted from lies, if it has been moved.
        extractor: network behind the metrics and the nearest images, by name.
        num: samples that are drawn, 2 to 1,000; of classes or texts, one for each held-out image at most.
    Returns:
        The file.
    Raises:
        InputError: no run, one without a model, an unknown extractor, or a file that cannot be written.
    """
    network, names, path = load_extractor(extractor), run_names(runs), target(runs, out)
    if not 2 <= num <= MOST:
        raise InputError(f"--num {num} is not from 2 to {MOST}. Use `genjax evaluate` for more.")
    reports = [
        gather(run, name, extractor=network, source=source, num=num) for run, name in zip(runs, names, strict=True)
    ]
    footer = f"Written by genjax {__version__}."
    if len(reports) == 1:
        text = run_page(reports[0], footer=footer)
    else:
        text = comparison_page(reports, alike=alike, footer=footer, notes=comparison_warnings(reports))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, text.encode(errors="replace"))  # a name may hold what UTF-8 cannot
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error}). Name another place with --out.") from None
    return path


def target(runs: Sequence[Path], out: Path | None) -> Path:
    """Returns the file to write."""
    if out is None:
        if ZOO in runs[0].resolve().parents:
            raise InputError("the zoo is read only: a report of its models needs a file. Add --out report.html.")
        return runs[0] / ("report.html" if len(runs) == 1 else "comparison.html")
    return out if out.suffix.lower() in (".html", ".htm") else out / "report.html"


def run_names(runs: Sequence[Path]) -> list[str]:
    """Names the runs: the ends of their paths, as long as it takes to tell them apart.

    Raises:
        InputError: no run, or one that was named twice.
    """
    paths = [run.resolve() for run in runs]
    if not paths:
        raise InputError("no run was named. Name the folder of one, or of several to compare.")
    if len(set(paths)) < len(paths):
        raise InputError("a run was named twice. Name each once.")
    length = next(n for n in range(1, 1000) if len({path.parts[-n:] for path in paths}) == len(paths))
    return [str(Path(*path.parts[-length:])) for path in paths]


def gather(run: Path, name: str, *, extractor: Extractor, source: Path | None = None, num: int = JUDGED) -> RunReport:
    """Gathers everything that the report of one run shows.

    Args:
        run: its folder.
        name: what to call it.
        extractor: network behind the metrics and the nearest images.
        source: where the run that it was adapted from lies, if it has been moved.
        num: samples that are drawn; of classes or texts, one for each held-out image at most.
    Raises:
        InputError: no run there, one without a model, or a LoRA whose source is missing.
    """
    folder = RunFolder(run)
    values, config = read_config(folder), run_config(folder)
    # Given, a source must be the run's own; not given, it is only needed where the model lies on it.
    loaded = load_trained(run, source=source if isinstance(config, AdaptConfig) else None)
    model = loaded.model
    train, held_out, notes = real = real_images(config, model.config, values)
    said: list[str] = []
    kind = model.config.condition.kind
    if kind == "text":
        held_out, read = _readable(run, model.config, real)
        said += read
    texts = None if kind == "none" else _asked(model.config.condition, held_out or train, num)
    pictures = draw_pictures(loaded.trained, held_out if texts is None else held_out or train, texts, num)
    beside, source_notes = source_beside(run, config, source, texts, num)
    judged = real._replace(held_out=held_out)
    records, unmeasured = measure(pictures.samples, judged, beside, extractor, num)
    said += unmeasured
    if held_out is not None and explains(loaded.trained):
        known = None if train is None else spread_out(train, SEARCHED).images[:]
        images = spread_out(held_out, EXPLAINED)
        records += explain(loaded, images, train=known, data=held_out.name, split=held_out.split)

    series, finished = run_series(run, model.config, name)
    for lines, steps, step, best in finished:
        said += warnings.training_warnings(lines, steps=steps, step=step, best=best)
    closest: tuple[Neighbourhood, ...] = ()
    farthest, unit = closest, ""
    if train is not None:
        closest, farthest, unit, likeness = neighbourhoods(pictures.samples, judged, extractor)
        said += warnings.likeness_warnings(likeness)
        split = config.split if isinstance(config, TrainConfig) else "train"
        said += warnings.image_warnings(len(train), len(held_out or real.held_out or ()), split=split)
    kept, kept_notes = kept_records(run)
    data = "" if isinstance(config, ImportConfig) else config.data
    said += [*warnings.record_warnings([*records, *kept], data=data), *notes, *source_notes, *kept_notes]
    asked = "" if texts is None else _words(kind, held_out or train, held_out=bool(held_out))
    return RunReport(
        name=name,
        summary=summary(config, train, loaded),
        command=command_line(config),
        facts=facts(values, config, loaded, train=train, held_out=held_out),
        config=values,
        samples=pictures.samples[:PICTURED],
        warnings=tuple(said),
        training=None if train is None else spread_out(train, TRAINING_PICTURED).images[:],
        training_caption=training_caption(train),
        source=None if beside is None else beside[:BESIDE],
        interpolations=pictures.interpolations,
        asked=asked,
        drawn=pictures.drawn,
        closest=closest,
        farthest=farthest,
        distance_unit=unit,
        held_out=pictures.originals,
        reconstructed=pictures.reconstructed,
        series=series,
        records=tuple(record.to_json() for record in records),
        kept=tuple(record.to_json() for record in kept),
        selection=read_selection(folder),
    )


def _readable(run: Path, model: ModelConfig, real: Real) -> tuple[Dataset | None, list[str]]:
    """Returns the held-out images whose captions the model can read, and what is said of the others.

    Raises:
        InputError: there is no text to draw at all.
    """
    if real.held_out is None and real.train is None:
        raise InputError(f"{run}: there is no text to draw. {real.notes[0]}")
    if real.held_out is None or model.condition.vocabulary is None:
        return None, []
    said = real.held_out.take(captioned_places(real.held_out.captions))
    places, notes = model.condition.vocabulary.readable(said.captions), []
    if len(said) < len(real.held_out):
        missing = f"{len(real.held_out) - len(said)} of {len(real.held_out)} held-out images"
        notes.append(f"{missing} have no caption, and are left out.")
    if len(places) < len(said):
        missing = f"{len(said) - len(places)} of {len(said)} held-out captions"
        notes.append(f"{missing} that were to be drawn have words that the model does not know, and are left out.")
    return said.take(places) if places else None, notes


def _asked(condition: Condition, real: Dataset | None, num: int) -> list[str] | None:
    """Returns the captions or classes that the samples are drawn of: of classes all in turn where no image is known."""
    if real is None:
        if condition.kind == "class":
            return classes_in_turn(condition, num)
        raise ValueError("a model of texts was left without any")
    return said_of(condition, spread_out(real, num)) or None


def _words(kind: str, real: Dataset | None, *, held_out: bool) -> str:
    """Says what the samples are drawn of."""
    if real is None:
        return "All classes in turn"
    return f"{'Captions' if kind == 'text' else 'Classes'} of {'held-out' if held_out else 'training'} images"


def run_series(
    run: Path, model: ModelConfig, name: str
) -> tuple[dict[str, Series], list[tuple[list[dict[str, Any]], int, int, int | None]]]:
    """Reads the curves of all stages: those of several stand under the heading of their kind, `loss/prior/total`.

    Returns:
        The curves, and for each stage its log, its steps, the step of its model and that of its best one.
    """
    stages = plain_stages(model)
    names, found, logs = [stage.name for stage in stages], {}, []
    for stage in stages:
        folder = stage_folder(run, stage.name, names)
        lines = read_metrics(folder.metrics)
        for curve_name, curve in read_series(lines, name).items():
            kind, _, rest = curve_name.partition("/")
            inside = f"{kind}/{stage.name}/{rest}" if rest else f"{stage.name}/{kind}"
            found[curve_name if len(stages) == 1 else inside] = curve
        reached = int(lines[-1]["step"]) if lines else 0
        if len(stages) == 1:
            steps = int(read_json(RunFolder(run).config)["config"].get("steps", 0))
            logs.append((lines, steps, int(read_description(run)["step"]), best_step(folder)))
        elif lines:
            last = stage is stages[-1]  # an earlier one is always taken as it is in the end: a later one needs it
            logs.append((lines, reached, reached, best_step(folder) if last else None))
    return found, logs


def source_beside(
    run: Path,
    config: TrainConfig | AdaptConfig | ImportConfig,
    source: Path | None,
    texts: Sequence[str] | None,
    num: int,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Draws what the source makes of the latents of seed 0, with notes; None for a pretraining and if it is missing."""
    if not isinstance(config, AdaptConfig):
        return None, ()
    try:
        return source_samples(run, num, source=source, texts=texts), ()
    except InputError as error:
        return None, (f"The source is not shown beside its adaptation: {error}",)


def alike(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Returns True if two records were measured alike, so that their difference means something."""
    return all(first[name] == second[name] for name in COMPARED)


def comparison_warnings(reports: Sequence[RunReport]) -> list[str]:
    """Names the runs that cannot be held against each other by their numbers."""
    measured = [report for report in reports if report.records]
    unlike = [one.name for one in measured[1:] if not alike(one.records[0], measured[0].records[0])]
    if not unlike:
        return []
    return [
        f"Not all numbers here can be compared: {', '.join(unlike)} and {measured[0].name} were judged against"
        " different real images, or against different numbers of them."
    ]
