"""The configs of a run, as frozen dataclasses of plain values. The sentence under a field is its help.

Values are checked when a config is built. A mechanism is off at its neutral value: a weight or a target of 0.
"""

from genjax.config.run import (
    AdaptConfig,
    ImportConfig,
    RunConfig,
    TrainConfig,
    config_from_json,
    config_to_json,
    default_config,
)
from genjax.control import ControlConfig
from genjax.families.flow.options import FlowConfig
from genjax.families.gan.options import GanConfig
from genjax.families.model import ModelConfig
from genjax.families.text_to_image.options import TextToImageAdaptation, TextToImageConfig
from genjax.families.vae.options import VaeConfig

__all__ = [
    "AdaptConfig",
    "ControlConfig",
    "FlowConfig",
    "GanConfig",
    "ImportConfig",
    "ModelConfig",
    "RunConfig",
    "TextToImageAdaptation",
    "TextToImageConfig",
    "TrainConfig",
    "VaeConfig",
    "config_from_json",
    "config_to_json",
    "default_config",
]
