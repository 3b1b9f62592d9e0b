"""`genjax evaluate`: judges generated images against real ones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from genjax.cli.options.dynamic import Own, with_options
from genjax.cli.options.shown import Source, Which, listed
from genjax.data.reading_options import Missing
from genjax.limits import check_seed
from genjax.terminal import result, table


@dataclass(frozen=True)
class EvaluateCommand:
    """Judges generated images, of a run or of any other tool, against real ones."""

    run: Path = Path("runs/train")
    """Folder of the run whose samples are judged."""
    data: str = ""
    """The real images, as for train; empty is what the run was trained on."""
    fake: str = ""
    """Instead of --run: folder:PATH, npz:PATH, run:PATH or any other set, of which all images are taken."""
    real: str = ""
    """Instead of --data: the same, or run:PATH."""
    size: int = 0
    """Height and width of both; 0 is what a run has, else an .npz, else 32. Two .npz are compared as they are."""
    split: Literal["train", "test", "all"] = "test"
    """Part of the real images; only test is held out."""
    num: int = 0
    """Generated images, of a set those that the seed chooses; 0 is all of a set, and of a run as many as real ones."""
    metrics: str = ""
    """Metrics, separated by commas. `evaluate_type` lists them."""
    extractor: str = "embedded-v1"
    """Network whose features are compared. `evaluate_type` lists them."""
    seed: int = 0
    """Seed of the latents, and of the choice of images of a set."""
    which: Which = "latest"
    """The latest model of the run, or the best by its evaluations along training."""
    source: Source = None
    """Folder of the run that this one was adapted from, if it has been moved."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping, also where training did not."""
    captions: Missing | None = None
    """Images of a folder without a caption, where the run reads captions; None is as in training, else require."""
    max_pixels: int | None = None
    """Pixels of the largest image file that is decoded; None is as in training, else as for train."""
    json: bool = False
    """Print a JSON list of records and nothing else."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be judged with."""
        check_seed(self)


def evaluate_type() -> type:
    """Returns the command with a help that lists metrics and extractors, which takes a second to import."""
    from genjax.evaluate.features.registry import extractors_help
    from genjax.evaluate.letter_records import LETTERS, letters_help
    from genjax.evaluate.metrics.by_class import by_class_help
    from genjax.evaluate.metrics.of_models.explained import explained_help
    from genjax.evaluate.scores import CORE, metrics_help

    lines = "\n".join((metrics_help(), by_class_help(), explained_help(), letters_help()))
    usual = f"By default {','.join(CORE)}; of a run adapted to named characters of a font also {','.join(LETTERS)}."
    metrics = listed(f"Metrics, separated by commas. {usual}", lines)
    network = listed("Network whose features are compared.", extractors_help())
    return with_options(
        EvaluateCommand,
        {"metrics": Own(metrics, EvaluateCommand.metrics), "extractor": Own(network, EvaluateCommand.extractor)},
    )


def run_evaluation(command: EvaluateCommand) -> int:
    """Evaluates, and prints a table or JSON."""
    from genjax.evaluate.run import judge
    from genjax.store.run_config import saved_data
    from genjax.store.run_folder import RunFolder

    records = judge(
        command.fake or f"run:{command.run}",
        command.real or command.data or saved_data(RunFolder(command.run)),
        size=command.size,
        split=command.split,
        num=command.num,
        metrics=command.metrics.split(",") if command.metrics else None,
        extractor=command.extractor,
        seed=command.seed,
        which=command.which,
        source=command.source,
        skip_broken=command.skip_broken,
        captions=command.captions,
        max_pixels=command.max_pixels,
    )
    if command.json:
        result(json.dumps([record.to_json() for record in records], indent=2))
    else:
        result(record_table(records))
    return 0


def record_table(records: Sequence[Any]) -> str:
    """Formats records for a person: name, value, interval, sample counts."""
    rows = [
        (
            record.name,
            f"{record.value:.4f}",
            "" if record.interval is None else "{:.4f} .. {:.4f}".format(*record.interval),
            str(record.n_real),
            str(record.n_fake),
        )
        for record in records
    ]
    return table(("metric", "value", "95 % interval", "real", "generated"), rows)
