"""The record of what `--select` tried and chose: selection.json in a run's folder, so that resuming tries no more."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from genjax.config.run import AdaptConfig
from genjax.errors import InputError
from genjax.json_config import read_json
from genjax.store.run_folder import RunFolder, write_json
from genjax.transfer.registry import Choice
from genjax.transfer.registry import from_json as transfer_from_json
from genjax.transfer.registry import names as transfer_names
from genjax.transfer.registry import to_json as transfer_to_json

COLUMNS = "transfer"  # heading of the first column of the table; the others are steps


class Tried(NamedTuple):
    """A candidate, and how shots that it was not shown fit it at each step that was measured, means over the folds.

    Attributes:
        transfer: options of its transfers.
        fit: lower is better; infinity where it is not finite.
        gap: mean logit of the critic on shots that it was shown less that on the others; () without a critic.
    """

    transfer: Choice
    fit: tuple[float, ...]
    gap: tuple[float, ...] = ()


class Selection(NamedTuple):
    """The candidates that were tried, and the transfers and steps that were chosen.

    Attributes:
        asked: transfers that were asked for: `auto`, with the options that were set.
        most: steps that were asked for.
        measure: what the numbers are, in words.
        folds: times that other shots were held out.
        marks: steps that were measured; the first is 0, the source.
        tried: candidates.
        transfer: chosen transfers.
        steps: chosen steps, 1 or more.
    """

    asked: Choice
    most: int
    measure: str
    folds: int
    marks: tuple[int, ...]
    tried: tuple[Tried, ...]
    transfer: Choice
    steps: int

    @property
    def fit(self) -> float:
        """Returns the fit of what was chosen."""
        return next(one for one in self.tried if one.transfer == self.transfer).fit[self.marks.index(self.steps)]

    @property
    def source(self) -> float:
        """Returns the fit of the source, which every candidate is at step 0."""
        return min(one.fit[0] for one in self.tried)


def choose(config: AdaptConfig, measure: str, folds: int, marks: Sequence[int], tried: Sequence[Tried]) -> Selection:
    """Chooses the candidate and the step after 0 with the lowest fit; of equals fewer steps, then the first candidate.

    Where the source is lower still this does the least harm, and `model/best` tells whether any is done.

    Args:
        config: what was asked for.
        measure: what the numbers are, in words.
        folds: times that other shots were held out.
        marks: steps that were measured, 0 first.
        tried: candidates.
    """
    places = [(one.fit[place], place, number) for number, one in enumerate(tried) for place in range(1, len(marks))]
    _, place, number = min(places)
    chosen = tried[number].transfer
    return Selection(config.transfers, config.steps, measure, folds, tuple(marks), tuple(tried), chosen, marks[place])


def verdict(selection: Selection) -> str:
    """Says in a line what was chosen and why."""
    name, steps = transfer_names(selection.transfer), f"{selection.steps} step{'s' if selection.steps > 1 else ''}"
    of = f"{selection.measure}, a mean over {selection.folds} folds"
    if selection.fit < selection.source:
        return f"selected {name} and {steps}: {selection.fit:.4g}, the source has {selection.source:.4g} ({of})"
    return (
        f"no candidate explains shots that it was not shown better than the source does ({selection.source:.4g}; {of}):"
        f" {name} and {steps} do the least harm ({selection.fit:.4g})"
    )


def rows_of(selection: Selection) -> tuple[list[str], list[list[str]]]:
    """Returns the heading and the rows of the table of what was tried: a line a candidate, a column a step."""
    rows = []
    for one in selection.tried:
        chosen = selection.steps if one.transfer == selection.transfer else None
        cells = zip(selection.marks, one.fit, strict=True)
        name = transfer_names(one.transfer)
        rows.append([name, *(f"{value:.4g}{'*' if step == chosen else ''}" for step, value in cells)])
        if one.gap:
            rows.append([f"{name}: critic gap", *(f"{value:.3g}" for value in one.gap)])
    return [COLUMNS, *(f"step {step}" if step else "source" for step in selection.marks)], rows


def write_selection(folder: RunFolder, selection: Selection) -> None:
    """Writes selection.json."""
    tried = [
        {"transfer": transfer_to_json(one.transfer), "fit": [_plain(value) for value in one.fit], "gap": list(one.gap)}
        for one in selection.tried
    ]
    choices = {name: transfer_to_json(getattr(selection, name)) for name in ("asked", "transfer")}
    write_json(folder.selection, selection._asdict() | choices | {"tried": tried})


def read_selection(folder: RunFolder) -> Selection | None:
    """Reads selection.json; None where nothing was tried.

    Raises:
        InputError: a damaged one.
    """
    if not folder.selection.exists():
        return None
    values, where = read_json(folder.selection), str(folder.selection)
    try:
        tried = [
            Tried(
                transfer_from_json(one["transfer"], where=where),
                tuple(math.inf if value is None else float(value) for value in one["fit"]),
                tuple(map(float, one["gap"])),
            )
            for one in values["tried"]
        ]
        choices = {name: transfer_from_json(values[name], where=where) for name in ("asked", "transfer")}
        most, folds, steps = (int(values[name]) for name in ("most", "folds", "steps"))
        marks, measure = tuple(map(int, values["marks"])), str(values["measure"])
        found = Selection(choices["asked"], most, measure, folds, marks, tuple(tried), choices["transfer"], steps)
        verdict(found)  # what was chosen has to be among what was tried
    except (KeyError, TypeError, ValueError, IndexError, StopIteration):
        raise InputError(f"{where} is no selection of this genjax. Restore it, or adapt again with --force.") from None
    return found


def as_selected(config: AdaptConfig, selection: Selection) -> AdaptConfig:
    """Returns the config with the chosen transfers and steps; other steps than those that were asked for stay."""
    steps = selection.steps if config.steps == selection.most else config.steps
    return dataclasses.replace(config, transfer=selection.transfer, steps=steps)


def as_asked(config: AdaptConfig, selection: Selection) -> AdaptConfig:
    """Returns the config of a run whose transfers and steps were selected as it was before that."""
    return dataclasses.replace(config, transfer=selection.asked, steps=selection.most)


def _plain(value: float) -> float | None:
    """Returns a number as strict JSON has it."""
    return value if math.isfinite(value) else None
