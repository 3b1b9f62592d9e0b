"""The HTML page that compares several runs: samples, records, curves and the settings that differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from genjax.report.draw.curves import legend
from genjax.report.draw.document import Section, page
from genjax.report.draw.html import Markup, element, join
from genjax.report.draw.picture import figure, picture
from genjax.report.draw.series import Series
from genjax.report.draw.tables import RECORD_HEADER, record_rows, sortable
from genjax.report.draw.whiskers import Whisker, whiskers
from genjax.report.page import LINE, RunReport, command, curve_groups

SHOWN = 4 * LINE  # samples of each run
OF_ADAPTATIONS = ("source", "shots", "transfer")  # settings that differ from a pretraining by being there at all

Record = Mapping[str, Any]


def comparison_page(
    reports: Sequence[RunReport], *, alike: Callable[[Record, Record], bool], footer: str, notes: Sequence[str] = ()
) -> str:
    """Writes the HTML document of several runs.

    Args:
        reports: two or more reports, of different names.
        alike: function that is True for two records that were measured alike, so that they may be compared.
        footer: line at the end of the page, such as the version that wrote it.
        notes: warnings about the comparison itself.
    Returns:
        The document.
    """
    names = [report.name for report in reports]
    warnings = [*notes, *warnings_by_run(reports)]
    sections = [
        Section("Samples", _samples(reports), "The first samples of seed 0 of each run, none chosen."),
        Section("Measured", _whiskers(reports, alike), "With 95 % intervals; one panel holds what was measured alike."),
        Section("Records", _records(reports), "A click on a heading sorts."),
        Section("Along training", _curves(reports)),
        Section("What differs", _differences(reports), "Settings in which the runs are not the same."),
        Section("How to repeat them", _commands(reports)),
    ]
    return page(f"{len(reports)} runs compared", ", ".join(names), warnings, sections, footer=footer)


def warnings_by_run(reports: Sequence[RunReport]) -> list[str]:
    """Merges the warnings of all runs: each once, after the names of the runs that it is about."""
    names: dict[str, list[str]] = {}
    for report in reports:
        for line in report.warnings:
            names.setdefault(line, []).append(report.name)
    return [f"{', '.join(about)}: {line}" for line, about in names.items()]


def _samples(reports: Sequence[RunReport]) -> Markup:
    parts = []
    for report in reports:
        images = report.samples[:SHOWN]
        alt = f"{len(images)} samples of {report.name} in a grid"
        parts.append(
            figure(picture(images, alt=alt, columns=LINE), element("strong", report.name), f" · {report.summary}")
        )
    return element("div", *parts, class_="pair")  # fmt: skip


def _whiskers(reports: Sequence[RunReport], alike: Callable[[Record, Record], bool]) -> Markup:
    groups: list[list[tuple[Record, int]]] = []
    for number, report in enumerate(reports):
        for record in report.records:
            fitting = (group for group in groups if alike(group[0][0], record))
            group = next(fitting, None)
            groups.append([(record, number)]) if group is None else group.append((record, number))
    panels = [
        whiskers(
            f"{group[0][0]['name']} · {group[0][0]['data']}",
            [
                Whisker(reports[number].name, record["value"], _pair(record["interval"]), number)
                for record, number in group
            ],
        )
        for group in groups
        if len(group) > 1
    ]
    return element("div", *panels, class_="panels") if panels else Markup("")


def _records(reports: Sequence[RunReport]) -> Markup:
    rows = [row for report in reports for row in record_rows(report.records, report.name)]
    return sortable(("run", *RECORD_HEADER), rows, label="Records of all runs") if rows else Markup("")


def _curves(reports: Sequence[RunReport]) -> Markup:
    names = dict.fromkeys(name for report in reports for name in report.series)
    # A run without a quantity keeps its colour: an empty curve holds its place.
    shared = {name: [report.series.get(name, _absent(report)) for report in reports] for name in names}
    return join([legend([report.name for report in reports]), curve_groups(shared)]) if shared else Markup("")


def _absent(report: RunReport) -> Series:
    return Series(report.name, np.empty(0), np.empty(0))


def _differences(reports: Sequence[RunReport]) -> Markup:
    settings = [run_settings(report.config) for report in reports]
    names = [name for name in dict.fromkeys(name for one in settings for name in one) if differ(name, settings)]
    rows = [[name, *(str(one.get(name, "-")) for one in settings)] for name in names]
    if not rows:
        return Markup("")
    return sortable(("setting", *(report.name for report in reports)), rows, label="Settings that differ")


def run_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Flattens a config.json to {name: value}; what the model was made with replaces what was asked for."""
    asked = {name: value for name, value in values.get("config", {}).items() if name not in ("model", "out")}
    whole = {**asked, **values.get("model", {})}
    return {"kind": values.get("kind"), **dict(flat(whole)), "data_hash": str(values.get("data_hash"))[:12]}


def differ(name: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Returns True if runs differ in a setting. One that some runs do not have counts only in `OF_ADAPTATIONS`."""
    found = [one[name] for one in settings if name in one]
    return any(value != found[0] for value in found) or (name in OF_ADAPTATIONS and len(found) < len(settings))


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, value) of a nested config, the parts of a name joined by points."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _commands(reports: Sequence[RunReport]) -> Markup:
    return join(join([element("h3", one.name), command(one.command)]) for one in reports)


def _pair(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])
