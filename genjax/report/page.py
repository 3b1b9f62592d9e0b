"""The HTML page of one run: samples, copies, evaluation, curves, settings and the command that repeats it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genjax.report.draw.curves import panel
from genjax.report.draw.document import Section, page
from genjax.report.draw.html import Markup, element, join
from genjax.report.draw.picture import figure, interleaved, picture
from genjax.report.draw.series import Series, constant
from genjax.report.draw.tables import RECORD_HEADER, facts, record_rows, sortable
from genjax.store.selection import Selection, rows_of, verdict

# Headings of the curves, by the first part of their names; any other is under OTHER.
GROUPS = {
    "evaluate": "Evaluations along training",
    "loss": "Losses",
    "control": "Knobs of the controllers",
    "penalty": "Losses",
    "gradient_norm": "Norms of gradients and parameters",
    "parameter_norm": "Norms of gradients and parameters",
    "skipped": "Norms of gradients and parameters",
}
OTHER = "Other measurements"
INTERPOLATIONS = (
    "Each line goes from one latent to another in equal steps. A model that has learned images by heart jumps between"
    " them."
)
APART = "Kept in the folder of the run by who measured it: each line says what, of which images, and read by what."
TRIED = "Each candidate was trained on some of the shots and judged by the others; the star marks what was chosen."
LATENTS = "Latents drawn at random"
LINE = 8  # images beside each other, so that a phone shows them large enough


@dataclass(frozen=True)
class Neighbourhood:
    """A sample, and the training images that are nearest to it.

    Attributes:
        sample: image (h, w, c), uint8.
        nearest: images (k, h, w, c), uint8, the nearest first.
        distance: distance to the first, as a multiple of what is usual for a held-out image where that is known.
        about: class or caption of the first; "" without either.
    """

    sample: np.ndarray
    nearest: np.ndarray
    distance: float
    about: str = ""


@dataclass(frozen=True)
class Drawn:
    """A text, and the images that a model makes of it.

    Attributes:
        text: text that was asked for.
        images: images (n, h, w, c), uint8, none chosen.
    """

    text: str
    images: np.ndarray


@dataclass(frozen=True)
class RunReport:
    """The content of the report of one run, plain values and uint8 images (n, h, w, c); None leaves a part out.

    Attributes:
        name: name of the run.
        summary: sentence about the run.
        command: command line that repeats it.
        facts: (name, value) pairs, in order.
        config: content of config.json.
        samples: images of the first latents of seed 0, or of texts.
        warnings: sentences that a reader must see first.
        training: some of the training images.
        training_caption: caption of these.
        asked: sentence about the texts of the samples; "" for latents drawn at random.
        drawn: texts, each with several images.
        source: source's images of the latents of `samples`, as many or fewer.
        interpolations: images (rows, n, h, w, c), each row from one latent to another.
        closest: samples nearest to a training image, the nearest first.
        farthest: samples farthest from any training image, the farthest first.
        distance_unit: unit of the distances of these, in words.
        held_out: images that went through the encoder and the decoder.
        reconstructed: reconstructions of these.
        series: {name: curve}.
        records: records of the evaluation, as `Record.to_json` gives them.
        kept: records that were measured apart and kept with the run.
        selection: how transfer and steps were chosen; None where they were named.
    """

    name: str
    summary: str
    command: str
    facts: tuple[tuple[str, str], ...]
    config: Mapping[str, Any]
    samples: np.ndarray
    warnings: tuple[str, ...] = ()
    training: np.ndarray | None = None
    training_caption: str = "images that it was trained on"
    asked: str = ""
    drawn: tuple[Drawn, ...] = ()
    source: np.ndarray | None = None
    interpolations: np.ndarray | None = None
    closest: tuple[Neighbourhood, ...] = ()
    farthest: tuple[Neighbourhood, ...] = ()
    distance_unit: str = ""
    held_out: np.ndarray | None = None
    reconstructed: np.ndarray | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    records: tuple[Mapping[str, Any], ...] = ()
    kept: tuple[Mapping[str, Any], ...] = ()
    selection: Selection | None = None


def run_page(report: RunReport, *, footer: str) -> str:
    """Writes the HTML document of one run; `footer` is the line at its end."""
    sections = [
        Section("Texts", _drawn(report), "Each line is one text, drawn several times and shown as it came."),
        Section("Samples", _samples(report), f"{report.asked or LATENTS}, shown as they came: none were chosen."),
        Section("Source and adaptation", _beside(report), "The same latents through both models."),
        Section("Interpolations", _interpolations(report), INTERPOLATIONS),
        Section("Reconstructions", _reconstructions(report), "Held-out images, and what the model makes of them."),
        Section("Nearest training images", _neighbours(report), _neighbours_lead(report)),
        Section("Evaluation", records_table(report.records), "Samples against held-out images."),
        Section("Measured apart", records_table(report.kept, label="Records kept with the run"), APART),
        Section("What was tried first", _tried(report.selection), TRIED),
        Section("Along training", curve_groups({name: [one] for name, one in report.series.items()})),
        Section("What was trained, and how to repeat it", _origin(report)),
    ]
    return page(report.name, report.summary, report.warnings, sections, footer=footer)


def curve_groups(series: Mapping[str, Sequence[Series]]) -> Markup:
    """Draws curves in panels under headings; a curve that never changed is a line of text instead.

    Args:
        series: {name: one curve for each run}.
    """
    headings: dict[str, list[str]] = {heading: [] for heading in (*GROUPS.values(), OTHER)}
    for name in series:
        headings[GROUPS.get(name.partition("/")[0], OTHER)].append(name)
    parts = []
    for heading, names in headings.items():
        still = {name: constant(series[name]) for name in names}
        moving = [panel(name, series[name]) for name in names if still[name] is None]
        resting = [f"{name} = {value:.4g}" for name, value in still.items() if value is not None]
        if names:
            parts.append(element("h3", heading))
        if moving:
            parts.append(element("div", *moving, class_="panels"))
        if resting:
            parts.append(element("p", f"The same throughout: {', '.join(resting)}.", class_="lead"))
    return join(parts)


def records_table(records: Sequence[Mapping[str, Any]], *, label: str = "Records of the evaluation") -> Markup:
    """Writes the table of records; nothing without any."""
    if not records:
        return Markup("")
    return sortable(RECORD_HEADER, record_rows(records), label=label)


def _tried(selection: Selection | None) -> Markup:
    """Writes what was tried to choose transfer and steps, and what was chosen."""
    if selection is None:
        return Markup("")
    header, rows = rows_of(selection)
    found = verdict(selection)
    return join([element("p", f"{found[0].upper()}{found[1:]}."), sortable(header, rows, label="Candidates and steps")])


def command(line: str) -> Markup:
    """Writes a command line that breaks between options on a narrow page, and stays whole when it is copied."""
    first, *options = line.split(" --")
    spans = [element("span", f"--{option}", class_="option") for option in options]
    return element("pre", element("code", first, *(part for span in spans for part in (" ", span))))


def _samples(report: RunReport) -> Markup:
    drawn = picture(report.samples, alt=f"{len(report.samples)} samples of {report.name} in a grid", columns=LINE)
    parts = [figure(drawn, f"{len(report.samples)} samples, seed 0.")]
    if report.training is not None:
        n = len(report.training)
        real = picture(report.training, alt=f"{n} images that {report.name} was trained on", columns=LINE)
        parts.append(figure(real, f"For comparison: {report.training_caption}."))
    return element("div", *parts, class_="pair")


def _drawn(report: RunReport) -> Markup:
    return join(
        [
            figure(picture(one.images, alt=f"{len(one.images)} images of: {one.text}", columns=LINE), one.text)
            for one in report.drawn
        ]
    )


def _beside(report: RunReport) -> Markup:
    if report.source is None:
        return Markup("")
    source, adapted = report.source, report.samples[: len(report.source)]
    alt = f"{len(source)} latents: in each pair of lines the source above, {report.name} below"
    return _pairs(source, adapted, alt, "In each pair of lines: the source above, the adapted model below.")


def _pairs(above: np.ndarray, below: np.ndarray, alt: str, caption: str) -> Markup:
    columns = min(LINE, len(above))
    n = len(above) // columns * columns
    return figure(picture(interleaved([above[:n], below[:n]], columns=columns), alt=alt, columns=columns), caption)


def _interpolations(report: RunReport) -> Markup:
    if report.interpolations is None:
        return Markup("")
    rows, n = report.interpolations.shape[:2]
    images = report.interpolations.reshape(rows * n, *report.interpolations.shape[2:])
    return figure(picture(images, alt=f"{rows} lines, each from one latent to another in {n} images", columns=n))


def _reconstructions(report: RunReport) -> Markup:
    if report.held_out is None or report.reconstructed is None:
        return Markup("")
    alt = f"{len(report.held_out)} held-out images: in each pair of lines the image above, its reconstruction below"
    caption = "In each pair of lines: the image above, its reconstruction below."
    return _pairs(report.held_out, report.reconstructed, alt, caption)


def _neighbours_lead(report: RunReport) -> str:
    return (
        "Left a sample, right of it the training images that are most like it to the network behind the metrics. "
        f"The number is the distance to the first, {report.distance_unit}."
    )


def _neighbours(report: RunReport) -> Markup:
    parts = []
    for heading, group in (
        ("Nearest to a training image: is it a copy?", report.closest),
        ("Farthest from any: is it an image at all?", report.farthest),
    ):
        if group:
            strips = [_strip(one, number) for number, one in enumerate(group, start=1)]
            parts += [element("h3", heading), element("div", *strips, class_="strips")]
    return join(parts)


def _strip(one: Neighbourhood, number: int) -> Markup:
    sample = picture(one.sample[None], alt=f"sample {number} of this group", pixel=3)
    known = f": {one.about}" if one.about else ""
    alt = f"the {len(one.nearest)} training images nearest to sample {number}, the nearest first{known}"
    nearest = picture(one.nearest, alt=alt, columns=len(one.nearest), pixel=3)
    strip = element("div", sample, nearest, class_="strip")
    return figure(strip, f"{one.distance:.2f}", *([f" · {one.about}"] if one.about else []))


def _origin(report: RunReport) -> Markup:
    config = element("pre", json.dumps(report.config, indent=2, ensure_ascii=False))
    return join(
        [
            facts(report.facts),
            command(report.command),
            element("details", element("summary", "Every setting"), config),
        ]
    )
