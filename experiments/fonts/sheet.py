"""From a few letters to an alphabet: the recipe that was measured, and the sheet that shows what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genjax.config import AdaptConfig
from genjax.data import Dataset
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.named_shots import rest_of, shots_named
from genjax.errors import InputError
from genjax.evaluate.letter_records import Drawn, letter_records, retrieved
from genjax.evaluate.records import Record
from genjax.evaluate.sampling import sample_run
from genjax.families.flow.options import FlowDrawing
from genjax.report.draw.figure import Row, save_figure
from genjax.store.run_folder import RunFolder, is_run
from genjax.terminal import say
from genjax.training.loop import adapt
from genjax.zoo.cards import ZOO

SOURCE = ZOO / "fonts32-flow"
STEPS, RATE, BATCH = 400, 0.5, 10  # as in experiments/results/fonts.md
METRICS = ("distance", "legibility")
COLUMNS = 26  # of a sheet: capitals, small letters, digits
QUICK = FlowDrawing(steps=2)  # of a quick form: most of its time would go to drawing


def adapted_to(
    data: str,
    shots_of: str,
    number: int,
    out: Path,
    *,
    steps: int,
    seed: int,
    force: bool,
    source: Path = SOURCE,
) -> bool:
    """Adapts the source to letters, or goes on with it; returns True if it came to its end.

    Args:
        data: font:PATH, fonts:FACE or letters:PATH.
        shots_of: characters that are adapted to; "" for all of the set.
        number: how many these are.
        out: folder of the run.
        steps: updates.
        seed: of everything random.
        force: start again.
        source: run of a flow that was trained on fonts by class and style.
    Raises:
        InputError: what cannot be used; letters that have changed since the run was begun.
    """
    config = AdaptConfig(
        source=source,
        data=data,
        shots_of=shots_of,
        transfer="auto",
        steps=steps,
        learning_rate_scale=RATE,
        batch=min(BATCH, number),
        evaluate_every=0,
        sample_every=steps,
        save_every=steps,
        seed=seed,
        out=out,
    )
    resume = is_run(RunFolder(out)) and not force
    try:
        return adapt(config, resume=resume, force=force).signal is None
    except InputError as error:
        if not resume:
            raise
        raise InputError(f"{error} Use --force to begin anew with these letters.") from None


def drawn(run: Path, seed: int, drawing: FlowDrawing | None = None) -> np.ndarray:
    """Draws all characters in the style of a run: uint8 (62, h, w, 1)."""
    return sample_run(run, len(CHARACTERS), seed=seed, asked=list(CHARACTERS), drawing=drawing)


class Sheet(NamedTuple):
    """The rows and the records of an adaptation to letters of a font.

    Attributes:
        rows: given letters; adapted, true, unadapted; retrieved where the training fonts are installed.
        records: distance and legibility of the characters that were not given, of each way to draw them.
    """

    rows: list[Row]
    records: list[Record]


def sheet_of(whole: Dataset, letters: str, run: Path, seed: int, drawing: FlowDrawing | None = None) -> Sheet:
    """Draws all characters by the adapted model, the source and retrieval, beside the true ones.

    Args:
        whole: all characters of the font, in their order.
        letters: those that were given.
        run: of the adapted model.
        seed: of the latents.
        drawing: how the flow draws; None for the usual way.
    """
    given, unseen = shots_named(whole, letters), rest_of(whole, letters)
    ways = [Drawn("", drawn(run, seed, drawing), ""), Drawn("of the source", drawn(SOURCE, seed, drawing), "")]
    titles = ["Drawn by the adapted model, the given ones too", "Drawn by the source, before"]
    try:
        ways.append(retrieved(whole, given))
        titles.append(f"Retrieval, without a model: the training font {ways[-1].how}")
    except InputError as error:
        say(f"retrieval is left out: {error}")
    rows = [Row(title, way.images) for title, way in zip(titles, ways, strict=True)]
    rows = [Row(f"Given: {len(given)} letters", given.images[:]), rows[0], Row("True", in_places(whole)), *rows[1:]]
    others = [way._replace(images=way.images[unseen.labels]) for way in ways]
    about = {"data": whole.name, "split": "all", "seed": seed}
    return Sheet(rows, letter_records(unseen, given, others, METRICS, **about))


def in_places(letters: Dataset) -> np.ndarray:
    """Returns the characters of a face in their places among all, black where it has none: uint8 (62, h, w, c)."""
    images = np.zeros((len(CHARACTERS), *letters.images.shape[1:]), np.uint8)
    labels = np.zeros(0, int) if letters.labels is None else letters.labels
    images[labels] = letters.images[:]
    return images


def save_sheet(path: Path, title: str, rows: Sequence[Row]) -> None:
    """Writes rows of characters below each other, capitals, small letters and digits a line each."""
    save_figure(path, title, rows, columns=COLUMNS)
