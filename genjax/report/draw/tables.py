"""Tables of a page: facts, and rows that a click on a heading sorts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from genjax.report.draw.html import Markup, element, join

# Explanations beside metrics, by their names in records without the extractor in brackets.
MEANINGS = {
    "FD": "distance of the two sets, lower is better",
    "FID": "distance of the two sets, lower is better",
    "KD": "distance of the two sets, lower is better; about 0 when nothing tells them apart",
    "KID": "distance of the two sets, lower is better; about 0 when nothing tells them apart",
    "precision": "part of the samples that lie among real images",
    "recall": "part of the real images that lie among samples",
    "density": "how deep the samples lie among real images; about 1 for real ones",
    "coverage": "part of the real images with a sample near them",
    "as_asked": "part of the samples that show what the text asks for",
    "as_labelled": "part of the real images that are read as what they show: what a perfect model would have",
    "lift": "by how much more the best of several show what the text asks for than the first",
}


class Cell(NamedTuple):
    """A cell that is sorted by `key` instead of its text."""

    text: object
    key: float | str


def facts(rows: Sequence[tuple[str, object]]) -> Markup:
    """Writes names and values below each other."""
    return element("dl", *(join([element("dt", name), element("dd", value)]) for name, value in rows))


def sortable(header: Sequence[str], rows: Sequence[Sequence[object]], *, label: str) -> Markup:
    """Writes a table that can be sorted by each of its columns.

    Args:
        header: headings of the columns.
        rows: cells of each row; a number or a `Cell` with a numeric key is set to the right.
        label: description of the table, for those who do not see it.
    """
    head = element("tr", *(element("th", element("button", name, type="button"), scope="col") for name in header))
    body = [element("tr", *map(_cell, row)) for row in rows]
    table = element("table", element("thead", head), element("tbody", *body), class_="sortable", aria_label=label)
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=label)


def record_rows(records: Sequence[Mapping[str, Any]], run: str = "") -> list[list[object]]:
    """Makes rows for RECORD_HEADER: with the meaning of each metric, or instead after the name of the run if given."""
    return [[run, *_record_row(record)] if run else _record_row(record, explained=True) for record in records]


RECORD_HEADER = ("metric", "value", "95 % interval", "real images", "samples", "split", "data", "extractor", "settings")


def _record_row(record: Mapping[str, Any], *, explained: bool = False) -> list[object]:
    metric = str(record["name"])
    meaning = MEANINGS.get(metric.partition("[")[0], "")
    name = join([metric, element("small", meaning)]) if meaning and explained else metric
    bounds = record["interval"]
    interval = Cell(f"{bounds[0]:.3g} to {bounds[1]:.3g}", bounds[0]) if bounds else Cell(record["interval_note"], "")
    extractor = join([record["extractor"], element("small", str(record["extractor_sha256"])[:8])])
    return [
        Cell(name, metric),
        Cell(f"{record['value']:.4g}", record["value"]),
        interval,
        record["n_real"],
        record["n_fake"],
        record["split"],
        record["data"],
        Cell(extractor, record["extractor"]),
        f"{record['method']}; seed {record['seed']}",
    ]


def _cell(cell: object) -> Markup:
    text, key = cell if isinstance(cell, Cell) else (cell, cell)
    number = isinstance(key, int | float)
    return element("td", text, data_value=key, class_="number" if number else None)
