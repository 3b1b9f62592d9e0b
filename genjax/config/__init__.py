"""What can be chosen, as frozen dataclasses of plain values. The sentence under a field is its help.

Nothing here imports jax: `genjax --help` must be quick, and a config is as good in a notebook as in a file. Values are
checked when a config is built. A mechanism is off at its neutral value: a weight or a target of 0.
"""

from genjax.config.control import ControlConfig
from genjax.config.model import FAMILIES, SIZES, GanConfig, ModelConfig, VaeConfig, check_family, check_size
from genjax.config.run import AdaptConfig, RunConfig, TrainConfig
from genjax.config.text_to_image import AdaptTextToImageConfig, TextToImageConfig
from genjax.config.transfer import (
    CdcConfig,
    EwcConfig,
    FreezeConfig,
    L2SpConfig,
    LoraConfig,
    MinerConfig,
    ModulationConfig,
    ReplayConfig,
)
from genjax.json_config import from_json, read_json, to_json

CONFIG_VERSION = 1

__all__ = [
    "CONFIG_VERSION",
    "FAMILIES",
    "SIZES",
    "AdaptConfig",
    "AdaptTextToImageConfig",
    "CdcConfig",
    "ControlConfig",
    "EwcConfig",
    "FreezeConfig",
    "GanConfig",
    "L2SpConfig",
    "LoraConfig",
    "MinerConfig",
    "ModelConfig",
    "ModulationConfig",
    "ReplayConfig",
    "RunConfig",
    "TextToImageConfig",
    "TrainConfig",
    "VaeConfig",
    "check_family",
    "check_size",
    "from_json",
    "read_json",
    "to_json",
]
