"""Report of the few-shot benchmark: a table for each pair, family and number of shots, and a plot."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.intervals import mean_interval
from experiments.few_shot.cells import PAIRS, UNADAPTED
from genjax.report.draw.scatter import Point, save_scatter

SHOWN = ("KD", "FD", "coverage", "intra_diversity", "copy_rate", "retention")


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[str, str, int, str], list[dict[str, Any]]]:
    """Groups rows as {(pair, family, shots, transfer): rows of its seeds}."""
    groups: dict[tuple[str, str, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["pair"], row["family"], row["shots"], row["transfer"]), []).append(row)
    return groups


def markdown(rows: list[dict[str, Any]]) -> str:
    """Writes a table for each pair, family and number of shots, sorted by KD."""
    groups, text = grouped(rows), ["# Few-shot benchmark", "", heading(rows), ""]
    for pair, family, shots in dict.fromkeys(key[:3] for key in groups):
        mine = {key[3]: group for key, group in groups.items() if key[:3] == (pair, family, shots)}
        text += [f"## {pair}, {family.upper()}, {shots} {'shot' if shots == 1 else 'shots'}", ""]
        text += ["| transfer | seeds | " + " | ".join(SHOWN) + " | trained | bytes | seconds |"]
        text += ["|" + "---|" * (len(SHOWN) + 5)]
        for transfer, group in sorted(mine.items(), key=lambda item: mean_interval(values(item[1], "KD"))[0]):
            shown = [cell_text(values(group, name)) for name in SHOWN]
            seconds = np.median([row["seconds"] for row in group])
            cost = [f"{group[0]['trained']:,}", f"{group[0]['bytes']:,}", f"{seconds:.0f}"]
            text.append(f"| {transfer} | {len(group)} | " + " | ".join([*shown, *cost]) + " |")
        text += ["", *verdict(mine), ""]
    return "\n".join(text)


def heading(rows: list[dict[str, Any]]) -> str:
    """Explains the numbers: budget, samples, features and direction."""
    record = rows[0]["records"][0]
    return (
        f"Mean and half of the 95 % interval (Student's t) over seeds. Every adaptation saw"
        f" {max(row['images_seen'] for row in rows):,} images, those of as many shots from the same source, which"
        f" is `unadapted`; {record['n_fake']:,} samples against {record['n_real']:,} held-out images, features"
        f" {record['extractor']}, genjax {record['version']}. KD, FD and copy_rate: lower is better (copy_rate of new"
        " images is .05). coverage and intra_diversity (1 is that of held-out images): higher. retention is how far the"
        " order of likeness is still the source's, no merit of itself. trained, bytes: of what makes the images; the"
        " critic, where there is one, is trained beside it."
    )


def values(group: list[dict[str, Any]], name: str) -> list[float]:
    """Lists one metric of the rows that have it."""
    return [row["values"][name] for row in group if name in row["values"]]


def cell_text(found: list[float]) -> str:
    """Formats mean ± half interval."""
    if not found:
        return ""
    mean, half = mean_interval(found)
    return f"{mean:.3f}" if np.isnan(half) else f"{mean:.3f} ± {half:.3f}"


def verdict(groups: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Lists the transfers that beat `full` in KD and in diversity, and those that came nearer than the source."""
    lines = []
    others = [name for name in groups if name not in ("full", UNADAPTED) and len(groups[name]) > 1]
    if len(groups.get("full", [])) > 1:
        for title, better in (("intervals apart", apart), ("paired by seed, that is, by the same shots", paired)):
            nearer = [name for name in others if better(groups[name], groups["full"], "KD", -1)]
            wider = [name for name in others if better(groups[name], groups["full"], "intra_diversity", 1)]
            both = [name for name in nearer if name in wider]
            parts = (("KD", nearer), ("intra_diversity", wider), ("both", both))
            found = "; ".join(f"in {name} {listed(ones)}" for name, ones in parts)
            lines += [f"Better than `full`, {title}: {found}.", ""]
    if len(groups.get(UNADAPTED, [])) > 1:
        tried = [name for name in ("full", *others) if len(groups.get(name, [])) > 1]
        came = {
            name: [one for one in tried if paired(groups[one], groups[UNADAPTED], name, -1)] for name in ("KD", "FD")
        }
        found = "; ".join(f"in {name} {listed(ones)}" for name, ones in came.items())
        lines += [f"Nearer than the source was, paired by seed: {found}.", ""]
    return lines[:-1]


def apart(rows: list[dict[str, Any]], base: list[dict[str, Any]], name: str, sign: int) -> bool:
    """Tests if a metric is above (sign 1) or below (-1) that of the base by more than both intervals."""
    (mean, half), (of_base, half_of_base) = mean_interval(values(rows, name)), mean_interval(values(base, name))
    return sign * (mean - of_base) > half + half_of_base


def paired(rows: list[dict[str, Any]], base: list[dict[str, Any]], name: str, sign: int) -> bool:
    """Tests if the differences from the base, seed by seed, are above (sign 1) or below (-1) 0 by their interval.

    Rows that began at another source than the base's of their seed are not compared.
    """
    of_base = {_pairing(row): row["values"][name] for row in base if name in row["values"]}
    both = [row for row in rows if _pairing(row) in of_base and name in row["values"]]
    if len(both) < 2:
        return False
    mean, half = mean_interval([sign * (row["values"][name] - of_base[_pairing(row)]) for row in both])
    return mean > half


def _pairing(row: dict[str, Any]) -> tuple[int, str]:
    return row["seed"], row.get("source_identity", "")  # the first rows did not say which source


def listed(names: list[str]) -> str:
    """Joins names for a sentence."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def plot(path: Path, rows: list[dict[str, Any]], pair: str, family: str) -> None:
    """Draws KD against intra_diversity with intervals, a panel for each number of shots."""
    panels: dict[str, list[Point]] = {}
    for (of_pair, of_family, shots, transfer), group in grouped(rows).items():
        if (of_pair, of_family) == (pair, family):
            x, y = mean_interval(values(group, "intra_diversity")), mean_interval(values(group, "KD"))
            title = f"{shots} {'shot' if shots == 1 else 'shots'}"
            panels.setdefault(title, []).append(Point(transfer, x[0], y[0], x[1], y[1]))
    title = f"{PAIRS[pair][0]} to {PAIRS[pair][1]}, {family.upper()}"
    save_scatter(path, title, panels, x="intra_diversity (higher is better)", y="KD[embedded-v1] (lower is better)")
