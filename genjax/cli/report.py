"""`genjax report`: writes an HTML page about a run, or several compared."""

from dataclasses import dataclass

from genjax.cli.options.dynamic import Own, with_options
from genjax.cli.options.shown import Page, Runs, Source, listed
from genjax.errors import InputError
from genjax.terminal import result


@dataclass(frozen=True)
class ReportCommand:
    """Writes one self-contained HTML page about a run, or about several compared."""

    runs: Runs = ()
    """Folders of the runs, separated by spaces."""
    out: Page = None
    """An .html file or a folder."""
    num: int = 500
    """Samples that are drawn and searched for copies; as many of them are judged as images are held out."""
    extractor: str = "embedded-v1"
    """Network behind its metrics and nearest images. `report_type` lists them."""
    source: Source = None
    """Folder of the run that these were adapted from, if it has been moved."""


def report_type() -> type:
    """Returns the command with a help that lists the extractors, which takes a second to import."""
    from genjax.evaluate.features.registry import extractors_help

    network = listed("Network behind its metrics and nearest images.", extractors_help())
    return with_options(ReportCommand, {"extractor": Own(network, ReportCommand.extractor)})


def run_report(command: ReportCommand) -> int:
    """Writes the report, and prints where it is."""
    from genjax.report.gather import write_report

    if not command.runs:
        raise InputError("no run was named. Name one or more: genjax report runs/digits.")
    written = write_report(
        command.runs,
        command.out,
        source=command.source,
        extractor=command.extractor,
        num=command.num,
    )
    result(str(written))
    return 0
