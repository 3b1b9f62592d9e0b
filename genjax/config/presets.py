"""Presets: configs that were tried, each with its command, machine, minutes and the number that was measured."""

from pathlib import Path
from typing import NamedTuple

from genjax.config.run import TrainConfig
from genjax.control import ControlConfig
from genjax.errors import InputError, did_you_mean
from genjax.families.gan.options import GanConfig
from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.tokenizers.options import DvaeConfig, TokenizerConfig
from genjax.families.vae.options import VaeConfig


class Preset(NamedTuple):
    """A config with its evidence.

    Attributes:
        config: settings of the run.
        summary: one sentence for the help.
        minutes: of training, on `machine`.
        machine: on which it was measured.
        measured: number, with its count of images and its seeds.
        date: of the measurement.
    """

    config: TrainConfig
    summary: str
    minutes: str
    machine: str
    measured: str
    date: str


GLYPHS_TEXT2IMAGE = TrainConfig(  # the settings of docs/results.md
    data="glyphs",
    size=32,
    num_images=32_000,
    batch=32,
    sample_every=7000,
    evaluate_every=0,
    model=TextToImageConfig(
        tokenizer_steps=4000,
        prior_steps=7000,
        masked_steps=7000,
        reranker_steps=2500,
        tokenizer=TokenizerConfig(
            codes=128, width=32, depth=1, learning_rate=2e-3, dvae=DvaeConfig(temperature_steps=3200)
        ),
        prior=PriorConfig(width=128, depth=4, heads=4, learning_rate=1.5e-3),
        reranker=RerankerConfig(width=16),
    ),
    out=Path("runs/glyphs-text2image"),
)
PRESETS: dict[str, Preset] = {
    "digits-gan": Preset(
        TrainConfig(data="digits", model=GanConfig(), size=16, steps=1800, out=Path("runs/digits-gan")),
        "A GAN of handwritten digits, 16 pixels: the demo's source.",
        minutes="2 minutes",
        machine="two CPU cores",
        measured="KD[embedded-v1] 0.0098 ± 0.0037 (mean and deviation of 3 seeds, 359 real and 500 generated images)",
        date="2026-11-28",
    ),
    "digits-vae": Preset(
        TrainConfig(data="digits", model=VaeConfig(), size=16, steps=1800, out=Path("runs/digits-vae")),
        "A VAE of handwritten digits, 16 pixels: the demo's source.",
        minutes="1 minute",
        machine="two CPU cores",
        measured="KD[embedded-v1] 0.579 ± 0.034 (mean and deviation of 3 seeds, 359 real and 500 generated images)",
        date="2026-11-28",
    ),
    "r3gan-recipe": Preset(
        TrainConfig(
            data="digits",
            model=GanConfig(loss="relativistic", r2_weight=1.0),
            size=16,
            steps=1000,
            control=ControlConfig(recipe_steps=1000),
            out=Path("runs/r3gan-recipe"),
        ),
        "A GAN trained by the recipe of R3GAN; --control.recipe-steps goes with --steps.",
        minutes="1.3 minutes",
        machine="two CPU cores",
        measured="KD[embedded-v1] 0.0212 ± 0.0034 (mean and deviation of 3 seeds, 359 real and 1,000 generated images)",
        date="2026-11-29",
    ),
    "glyphs-text2image": Preset(
        GLYPHS_TEXT2IMAGE,
        "A text-to-image model of captioned glyphs, 32 pixels.",
        minutes="51 minutes",
        machine="two CPU cores",
        measured="89.7 ± 2.7 % of 600 first samples show all that the text asks for, 3 seeds, two of them on a GPU",
        date="2026-11-26, before every family had one loop",
    ),
}


def preset_named(name: str) -> Preset:
    """Returns the preset of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}. {did_you_mean(name, list(PRESETS))}")
    return PRESETS[name]


def presets_help() -> str:
    """Returns a line for each preset, for the help."""
    lines = [
        f"{name}: {preset.summary} {preset.measured} ({preset.minutes} on {preset.machine}, {preset.date})."
        for name, preset in PRESETS.items()
    ]
    return " ".join(["Settings to begin from, which the other options change.", *lines])
