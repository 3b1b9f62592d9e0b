"""What a run is asked to do: pretraining and adaptation."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from genjax.config.control import ControlConfig
from genjax.config.model import GanConfig, VaeConfig, check_family, check_size
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
from genjax.errors import InputError
from genjax.limits import above_zero, at_least, check_seed


@dataclass(frozen=True)
class RunConfig:
    """What a pretraining and an adaptation have in common."""

    steps: int = 3000
    """Updates of the generator or the VAE in all; a resumed run goes on up to this total."""
    seed: int = 0
    """Of everything random: parameters, order of images, latents, shots."""
    num_images: int = 0
    """How many images to use; 0 is all that the set has (glyphs, which are drawn: 2,000, with captions 20,000)."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, instead of stopping."""
    log_every: int = 50
    """Steps between lines of metrics.jsonl."""
    sample_every: int = 500
    """Steps between pictures of the same latents."""
    save_every: int = 500
    """Steps between checkpoints."""
    evaluate_every: int = 500
    """Steps between evaluations against held-out images, which choose the best checkpoint; 0 is never."""
    evaluate_num: int = 500
    """Generated and held-out images in such an evaluation, at most."""
    devices: int = 0
    """Devices that share each batch, over all processes; 0 is all there are, of CPUs one a process."""
    shard_state: bool = False
    """Keep a share of parameters and optimiser state on each device instead of all: for networks too large for one."""
    accumulate: int = 1
    """Parts of a batch, computed one after the other, where the whole does not fit into memory."""
    steps_per_dispatch: int = 1
    """Steps that are one program, for accelerators that wait for their host; the intervals must be multiples of it."""
    control: ControlConfig = field(default_factory=ControlConfig)


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Pretrains a generator on a set of images."""

    data: str = "digits"
    """digits, digits:captioned, glyphs, glyphs:letters, glyphs:captioned, emoji, emoji:GROUP, folder:PATH, idx:PATH,
    npz:PATH or tfds:NAME."""
    split: Literal["train", "all"] = "train"
    """Part of the data to train on; `all` leaves nothing held out."""
    model: str = "gan"
    """gan, vae or text2image, which has options of its own: genjax train --model text2image --help."""
    size: int = 16
    """Height and width of the images: 16, 32, ... or 512."""
    channels: Literal[0, 1, 3] = 0
    """1 for grey, 3 for colour, 0 as the images are."""
    batch: int = 64
    """Images in a batch."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the computations; parameters are float32 always."""
    out: Path = Path("runs/train")
    """Folder of the run."""
    gan: GanConfig = field(default_factory=GanConfig)
    vae: VaeConfig = field(default_factory=VaeConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        check_run(self)
        at_least("", self, 1, "batch")
        check_family(self.model)
        check_size(self.size)


@dataclass(frozen=True)
class AdaptConfig(RunConfig):
    """Adapts the generator of a source run to another set of images."""

    source: Path = Path("runs/train")
    """Folder of the run to start from; a text-to-image model has options of its own: adapt --source RUN --help."""
    data: str = "glyphs"
    """digits, digits:captioned, glyphs, glyphs:letters, glyphs:captioned, emoji, emoji:GROUP, folder:PATH, idx:PATH,
    npz:PATH or tfds:NAME."""
    shots: int | None = None
    """Images to adapt to, the same number of each class where there are labels; without it all of them."""
    stratify: bool = True
    """Whether the shots are taken class by class where there are labels: so by default, not with --no-stratify."""
    transfer: str = "full"
    """auto, full, freeze, lora, scale_shift, singular_values, l2_sp, ewc, miner, cdc, kernel_modulation, replay, or
    several that combine: freeze,lora."""
    batch: int = 0
    """Images in a batch; 0 is the source's, or all the shots where they are fewer."""
    steps: int = 1000
    """Updates of the generator or the VAE in all; a resumed run goes on up to this total."""
    learning_rate_scale: float = 1.0
    """Factor on the source's learning rates."""
    control_state: Literal["reset", "carry"] = "reset"
    """Whether controllers begin anew or where the source's stood; to carry, they must be the same."""
    out: Path = Path("runs/adapt")
    """Folder of the run."""
    freeze: FreezeConfig = field(default_factory=FreezeConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    l2_sp: L2SpConfig = field(default_factory=L2SpConfig)
    ewc: EwcConfig = field(default_factory=EwcConfig)
    miner: MinerConfig = field(default_factory=MinerConfig)
    cdc: CdcConfig = field(default_factory=CdcConfig)
    modulation: ModulationConfig = field(default_factory=ModulationConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        check_run(self)
        at_least("", self, 0, "batch")
        above_zero("", self, "learning_rate_scale")
        if self.shots is not None and self.shots < 1:
            raise InputError(f"--shots {self.shots}: there is nothing to adapt to. Use 1 or more, or leave it out.")


def check_run(config: RunConfig) -> None:
    """Refuses what no run could use."""
    at_least("", config, 1, "steps", "log_every", "sample_every", "save_every", "accumulate", "steps_per_dispatch")
    check_seed(config)
    at_least("", config, 0, "num_images", "evaluate_every", "devices")
    at_least("", config, 2, "evaluate_num")
    for name in ("log_every", "sample_every", "save_every", "evaluate_every"):
        if getattr(config, name) % config.steps_per_dispatch:
            raise InputError(
                f"--steps-per-dispatch {config.steps_per_dispatch} does not divide --{name.replace('_', '-')}"
                f" {getattr(config, name)}: nothing is looked at between. Change one of them."
            )
