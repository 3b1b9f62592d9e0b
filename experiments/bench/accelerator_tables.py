"""Report of the accelerator experiment: a table for each question."""

from typing import Any

from experiments.bench.accelerator_steps import SEVERAL


def markdown(found: dict[str, Any]) -> str:
    """Writes the tables of the parts that were measured."""
    lines = [
        f"On one {found['device']}, jax {found['jax']}; medians of {found['turns']} turns of {found['calls']} steps."
    ]
    for part, title, key in (("options", "XLA options", "options"), ("steps", "computes in", "dtype")):
        if part in found:
            lines += ["", f"| case | {title} | compiles, s | step, ms | images a second | same bits in one process |"]
            lines += ["|---|---|---|---|---|---|"]
            lines += [f"| {row['case']} | {row[key]} | {speed_cells(row)} |" for row in found[part]]
    if "flows" in found:
        lines += ["", "| flow, 32x32x3 | computes in | compiles, s | step, ms | images a second | same bits | of the"]
        lines[-1] += " matrix product's rate | times compiled PyTorch's rate |"
        lines += ["|" + "---|" * 8]
        for row in found["flows"]:
            peer = f"{row['torch_milliseconds'] / row['milliseconds']:.2f}" if "torch_milliseconds" in row else ""
            cells = f"{row['case']} | {row['dtype']} | {speed_cells(row)} | {row['of_limit']:.0%} | {peer}"
            lines.append(f"| {cells} |")
    if "several" in found:
        lines += ["", f"| step as the loop runs it, ms | one at a time | {SEVERAL} as one program |", "|---|---|---|"]
        lines += [f"| {row['case']} | {row['one']:.3g} | {row['several']:.3g} |" for row in found["several"]]
    if "cpu" in found:
        lines += ["", "| gradients of the first step, distance from the CPU's | as they come | float32 |"]
        lines += ["|---|---|---|"]
        lines += [f"| {row['case']} | {row['default']:.1e} | {row['highest']:.1e} |" for row in found["cpu"]]
    if "runs" in found:
        run = found["runs"]
        lines += [
            "",
            f"| a {run['network'].upper()}, {run['steps']} steps, bit for bit; XLA options | again | resumed |",
            "|---|---|---|",
        ]
        for what, same in run["options"].items():
            lines.append(f"| {what} | {equal(same['again'])} | {equal(same['resumed'])} |")
    return "\n".join([*lines, ""])


def speed_cells(row: dict[str, Any]) -> str:
    """Formats the figures of a row."""
    cells = [f"{row['compile_seconds']:.1f}", f"{row['milliseconds']:.3g}", f"{row['images_per_second']:,.0f}"]
    return " | ".join([*cells, equal(row["same_bits"])])


def equal(same: bool) -> str:
    """Names the outcome of a comparison of bits."""
    return "equal" if same else "differ"
