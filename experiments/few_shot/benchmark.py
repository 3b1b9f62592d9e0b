"""Few-shot benchmark: which transfer carries a generator to few images best, at one budget?

    python experiments/few_shot/benchmark.py            # the full grid; resumable: started again it goes on
    python experiments/few_shot/benchmark.py --quick    # a few cells of few steps, to see that everything runs

Every transfer adapts with several shots and seeds. A cell is one adaptation; `unadapted` is the source as it is, and a
transfer that ends farther away has done harm. All cells of a family and a pair of sets start from the same source and
see the same number of images. Writes results.jsonl (a row a cell and guidance), results.md (mean and 95 % interval over
seeds) and a plot for each pair into --out.

Measured from 2026-11-23 to 26 on two CPU cores, 3 to 6 seeds (experiments/results/few_shot.md, read in
experiments/results/README.md): with 10 shots of glyphs no transfer of a GAN beats `full` in KD and in diversity at
once.
"""

import dataclasses
import sys
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.resumed import add_row, check_budget, read_rows
from experiments.few_shot.cells import PAIRS, UNADAPTED, Benchmark, cells, guidances, run_cell
from experiments.few_shot.tables import markdown, plot
from genjax.errors import InputError, lookup
from genjax.store.run_folder import write_bytes
from genjax.terminal import result, say


def main(settings: Benchmark) -> int:
    """Runs every cell that has no row yet, then writes table and plots; returns the exit code."""
    if settings.quick:
        tiny = {"source_steps": 20, "images": 20, "batch": 5, "seeds": 2, "shots": (5,), "num": 100}
        chosen = {"transfers": (UNADAPTED, "full", "lora"), "pairs": ("digits-glyphs",), "guidances": (1.0,)}
        settings = dataclasses.replace(settings, **tiny, **chosen)
    for pair in settings.pairs:
        lookup(PAIRS, pair, "pair")
    for shots in settings.shots:
        if settings.images % min(settings.batch, shots):
            raise InputError(
                f"--images {settings.images} is no whole number of batches of {min(settings.batch, shots)}. Use"
                f" {settings.images - settings.images % min(settings.batch, shots)}."
            )
    rows = settings.out / "results.jsonl"
    for cell in [] if settings.only_table else cells(settings):
        done = {row["cell"]: row for row in read_rows(rows)}
        missing = [weight for weight in guidances(settings, cell) if cell.name(weight) not in done]
        for weight in guidances(settings, cell):
            if weight not in missing:
                check_budget(done[cell.name(weight)], "cell", settings)
        for row in run_cell(settings, cell, missing) if missing else ():
            if row is None:
                return 130
            add_row(rows, row)
    found = read_rows(rows)
    if not found:
        raise InputError(f"{rows} holds no rows. Run the benchmark without --only-table first.")
    write_bytes(settings.out / "results.md", markdown(found).encode())
    for pair, family in dict.fromkeys((row["pair"], row["family"]) for row in found):
        plot(settings.out / f"{pair}-{family}.png", found, pair, family)
    result(str(settings.out / "results.md"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Benchmark, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
