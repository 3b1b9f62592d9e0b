"""Settings of a run whose steps take milliseconds, and which still writes everything that a run writes."""

from pathlib import Path
from typing import Any

from genjax.config import ControlConfig, GanConfig, TrainConfig, VaeConfig

TINY = {"gan": GanConfig(width=8, latent_size=8), "vae": VaeConfig(width=8, latent_size=4)}
FAMILIES = ("gan", "vae")


def tiny(family: str, out: Path, **changes: Any) -> TrainConfig:
    """Config of a tiny run of a family; `changes` replace fields of it."""
    settings: dict[str, Any] = {
        "model": TINY[family],
        "num_images": 40,
        "batch": 8,
        "log_every": 1,
        "evaluate_every": 0,
        "control": ControlConfig(ada_target=0.0, gradient_deviations=3.0),
        "out": out,
    }
    return TrainConfig(**(settings | changes))
