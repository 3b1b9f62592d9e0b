"""Report of the text-to-image experiment: its tables and its picture."""

from collections.abc import Sequence
from typing import Any

import jax

from experiments.text_to_image.adaptation import adaptation_table
from experiments.text_to_image.pace import pace_table
from experiments.text_to_image.settings import HEADS, PICTURED, SETS, Experiment
from genjax.data import load
from genjax.data.glyphs.captions import VALUES, parse
from genjax.data.glyphs.combinations import Combination, held_out_combinations
from genjax.evaluate.attributes import Share, difference
from genjax.families.text_to_image.model import TextToImage
from genjax.families.text_to_image.network_options import DecodingConfig
from genjax.report.draw.figure import Row, save_figure


def markdown(figures: dict[str, Any]) -> str:
    """Writes the tables of the parts that were measured."""
    num = figures["settings"]["num"]
    lines = [f"Text to image on captioned glyphs, {num} images of each kind; shares with their 95 % intervals.", ""]
    for part, tables in {
        "samples": sample_tables,
        "classifier": lambda found: share_table("the classifier on real images", found, (*HEADS, "all")),
        "captions": lambda found: share_table("captions that say what is seen", found, (*VALUES, "all", "grammatical")),
        "likelihood": likelihood_table,
        "adaptation": lambda found: [*adaptation_table(found), ""],
        "speed": speed_tables,
        "pace": pace_table,
        "trained": lambda found: [
            f"Parameters: {', '.join(f'{name} {n:,}' for name, n in found['parameters'].items())}."
        ],
    }.items():
        if part in figures:
            lines += tables(figures[part])
    minutes, memory = figures["training_seconds"] / 60, figures["peak_memory_gib"]
    lines += [f"Training took {minutes:.0f} minutes over all timed starts; the last used {memory:.2f} GiB at most."]
    return "\n".join(lines) + "\n"


def sample_tables(found: dict[str, Any]) -> list[str]:
    """Writes attributes of the samples, the lift of the reranker, and kernel distances."""
    samples = {name: row["shares"] for name, row in found.items()}
    lines = share_table("samples read as asked", samples, (*HEADS, "all"))
    lines += ["| best of 8 against the first one, points of `all` | lift | 95 % interval |", "|---|---|---|"]
    for name, lift in lifts(samples).items():
        lines.append("| {} | {:+.1f} | {:+.1f} .. {:+.1f} |".format(name, *(100 * value for value in lift)))
    lines += ["", "| kernel distance to new images in the same fonts | value | 95 % interval |", "|---|---|---|"]
    for name, row in found.items():
        low_high = row["kd"]["interval"]
        shown = "" if low_high is None else "{:.4f} .. {:.4f}".format(*low_high)
        lines.append(f"| {name} | {row['kd']['value']:.4f} | {shown} |")
    return [*lines, ""]


def likelihood_table(found: dict[str, dict[str, Share]]) -> list[str]:
    """Writes the nats of an image's tokens, by the prior and by counts."""
    lines = ["| nats of 64 image tokens | prior | unigram | unigram of each place |", "|---|---|---|---|"]
    for name, row in found.items():
        shown = " | ".join(f"{value:.1f} ({low:.1f}, {high:.1f})" for value, low, high in row.values())
        lines.append(f"| {name} | {shown} |")
    return [*lines, ""]


def speed_tables(speed: dict[str, Any]) -> list[str]:
    """Writes milliseconds, and how many times as fast."""
    where = f"{speed['cores']} cores" if speed.get("device", "cpu") == "cpu" else f"one {speed['device']}"
    lines = [f"| on {where}, load {speed['load']:.1f} | ms |", "|---|---|"]
    lines += [f"| {name} | {taken:.1f} |" for name, taken in speed["milliseconds"].items()]
    lines += ["", "| how many times as fast, turn by turn | median (lowest, highest) |", "|---|---|"]
    for batch, found in speed["cached_times_as_fast"].items():
        lines.append(f"| cached against uncached, {batch} at once | {_ratio(found)} |")
    lines.append(f"| parallel in 10 against autoregressive, one image | {_ratio(speed['parallel_times_as_fast'])} |")
    return [*lines, ""]


def lifts(samples: dict[str, dict[str, Share]]) -> dict[str, Share]:
    """Computes by how much the best of 8 have all attributes right more often than the first ones, for each case."""
    found = {}
    for name in [name.replace(", best of 8", "") for name in samples if "best of 8" in name]:
        method, where = name.split(", ")
        found[name] = difference(samples[f"{method}, best of 8, {where}"]["all"], samples[name]["all"])
    return found


def share_table(title: str, rows: dict[str, dict[str, Share]], columns: Sequence[str]) -> list[str]:
    """Writes a table of shares in per cent."""
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, shares in rows.items():
        cells = [f"{100 * v:.1f} ({100 * low:.1f}, {100 * high:.1f})" for v, low, high in (shares[c] for c in columns)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _ratio(found: dict[str, float]) -> str:
    return "{median:.1f} ({low:.1f}, {high:.1f})".format(**found)


def picture(settings: Experiment, model: TextToImage) -> None:
    """Draws a row a caption, the last of a combination that was never trained; columns of samples, best of 8."""
    never = load(SETS["held_out"], size=32, num=60, seed=settings.seed).captions
    texts = (*PICTURED, next(text for text in never if text.startswith("a") and "bold" in text))
    columns = 4 if settings.quick else 20
    made = model.sample(
        [text for text in texts for _ in range(columns)],
        jax.random.key(settings.seed),
        candidates=8,
        decoding=DecodingConfig(guidance=settings.guidance),
    )
    titles = [f"{text} (a combination that was never trained)" if is_held_out(text) else text for text in texts]
    rows = [Row(title, made.images[columns * i : columns * (i + 1)]) for i, title in enumerate(titles)]
    save_figure(settings.out / "text_to_image.png", "Text to image: best of 8", rows)


def is_held_out(text: str) -> bool:
    """Tests if a text asks for a combination that no training has seen."""
    asked = parse(text)
    return Combination(asked.glyph, asked.colour, asked.weight, asked.tilt) in held_out_combinations()
