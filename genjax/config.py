"""What can be chosen, as frozen dataclasses of plain values. The sentence under a field is its help.

Nothing here imports jax: `genjax --help` must be quick, and a config is as good in a notebook as in a file. Values are
checked when a config is built. A mechanism is off at its neutral value: a weight or a target of 0.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from genjax.errors import InputError, did_you_mean

T = TypeVar("T")
CONFIG_VERSION = 1
SIZES = (16, 32, 64, 128)
FAMILIES = ("gan", "vae")


@dataclass(frozen=True)
class GanConfig:
    """Generator, critic, and how they play."""

    width: int = 64
    """Channels of both networks next to the image; doubled at each halving of the resolution."""
    latent_size: int = 64
    """Length of the latent vector."""
    loss: str = "non_saturating"
    """minimax, non_saturating, least_squares, wasserstein, hinge or relativistic."""
    r1_weight: float = 1.0
    """Weight of the squared gradient of the critic at real images, gamma; 0 is off."""
    r2_weight: float = 0.0
    """The same at generated images; 0 is off."""
    gradient_penalty_weight: float = 0.0
    """Weight of WGAN-GP's penalty between real and generated images (the paper: 10); 0 is off."""
    critic_steps: int = 1
    """Critic updates, each on a batch of its own, for every update of the generator."""
    learning_rate: float = 2e-3
    """Adam's, of the generator."""
    critic_learning_rate: float = 2e-3
    """Adam's, of the critic."""
    beta1: float = 0.0
    """Adam's first moment decay, of both."""
    beta2: float = 0.99
    """Adam's second moment decay, of both."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the generator that is sampled from; 0 is off."""
    ada_target: float = 0.6
    """Adaptive augmentation: the mean sign of the critic on real images to hold; 0 is off."""
    ada_images: float = 100_000
    """Adaptive augmentation: images in which its probability can go from 0 to 1."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        _at_least("gan", self, 1, "width", "latent_size", "critic_steps")
        _at_least("gan", self, 0, "r1_weight", "r2_weight", "gradient_penalty_weight", "ema_images")
        _above_zero("gan", self, "learning_rate", "critic_learning_rate", "ada_images")
        _at_most("gan", self, 0.9999999, "beta1", "beta2", "ada_target")
        _at_least("gan", self, 0, "beta1", "beta2", "ada_target")


@dataclass(frozen=True)
class VaeConfig:
    """Encoder, decoder, and what they are held to."""

    width: int = 64
    """Channels of both networks next to the image; doubled at each halving of the resolution."""
    latent_size: int = 32
    """Length of the latent vector."""
    likelihood: str = "gaussian"
    """Of the image given the latents: gaussian (unit scale), optimal_gaussian or bernoulli."""
    kl_weight: float = 1.0
    """Weight of the KL divergence, beta; 1 is the evidence lower bound."""
    geco_tolerance: float = 0.2
    """GECO: root mean squared error of the reconstruction to hold, images in [-1, 1]; 0 is off."""
    learning_rate: float = 1e-3
    """Adam's."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        _at_least("vae", self, 1, "width", "latent_size")
        _at_least("vae", self, 0, "kl_weight", "geco_tolerance", "ema_images")
        _above_zero("vae", self, "learning_rate")


@dataclass(frozen=True)
class ModelConfig:
    """Which networks, and how they are trained: what every model on disk carries with it."""

    family: str
    size: int
    channels: int
    dtype: str
    batch: int
    gan: GanConfig
    vae: VaeConfig

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        check_family(self.family)
        check_size(self.size)
        _at_least("", self, 1, "channels", "batch")


@dataclass(frozen=True)
class FreezeConfig:
    """Which parameters the transfer `freeze` keeps: shell patterns over their names."""

    generator: tuple[str, ...] = ()
    """Of the generator."""
    critic: tuple[str, ...] = ("down_[!4]*",)
    """Of the critic: its lower layers, all but the last before the head. (FreezeD)"""
    vae: tuple[str, ...] = ("encoder/down_*",)
    """Of the encoder and decoder."""


@dataclass(frozen=True)
class LoraConfig:
    """The low-rank updates of the transfer `lora`. The critic, which is not published, trains in full."""

    rank: int = 4
    """Rank of the update of each kernel."""
    alpha: float = 0.0
    """Scale of the update times the rank; 0 stands for a scale of 1."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        _at_least("lora", self, 1, "rank")
        _at_least("lora", self, 0, "alpha")


@dataclass(frozen=True)
class RunConfig:
    """What a pretraining and an adaptation have in common."""

    steps: int = 3000
    """Updates of the generator or the VAE in all; a resumed run goes on up to this total."""
    seed: int = 0
    """Of everything random: parameters, order of images, latents, shots."""
    num_images: int = 0
    """How many images to use; 0 is all that the set has (glyphs, which are drawn: 2,000)."""
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


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Pretrains a generator on a set of images."""

    data: str = "digits"
    """digits, glyphs, glyphs:letters, folder:PATH, idx:PATH, npz:PATH or tfds:NAME."""
    split: Literal["train", "all"] = "train"
    """Part of the data to train on; `all` leaves nothing held out."""
    model: str = "gan"
    """gan or vae."""
    size: int = 16
    """Height and width of the images: 16, 32, 64 or 128."""
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
        _check_run(self)
        _at_least("", self, 1, "batch")
        check_family(self.model)
        check_size(self.size)


@dataclass(frozen=True)
class AdaptConfig(RunConfig):
    """Adapts the generator of a source run to another set of images."""

    source: Path = Path("runs/train")
    """Folder of the run to start from."""
    data: str = "glyphs"
    """digits, glyphs, glyphs:letters, folder:PATH, idx:PATH, npz:PATH or tfds:NAME."""
    shots: int = 0
    """Images to adapt to, the same number of each class where there are labels; 0 is all."""
    stratify: bool = True
    """Take the shots class by class where there are labels."""
    transfer: str = "full"
    """full, freeze, lora, or several that combine: freeze,lora."""
    batch: int = 0
    """Images in a batch; 0 is the source's, or all the shots where they are fewer."""
    steps: int = 1000
    """Updates of the generator or the VAE in all; a resumed run goes on up to this total."""
    learning_rate_scale: float = 1.0
    """Factor on the source's learning rates."""
    out: Path = Path("runs/adapt")
    """Folder of the run."""
    freeze: FreezeConfig = field(default_factory=FreezeConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        _check_run(self)
        _at_least("", self, 0, "batch")
        _above_zero("", self, "learning_rate_scale")
        if self.shots < 0:
            raise InputError(f"--shots {self.shots} is negative. Use 1 or more, or 0 for all images.")


def check_family(name: str) -> None:
    """Raises InputError unless there is such a family of models."""
    if name not in FAMILIES:
        raise InputError(f"unknown model {name!r}. {did_you_mean(name, list(FAMILIES))}")


def check_size(size: int) -> None:
    """Raises InputError unless the networks can make images of this size."""
    if size not in SIZES:
        raise InputError(f"--size {size} is not one of {', '.join(map(str, SIZES))}. Use the nearest power of two.")


def to_json(config: Any) -> dict[str, Any]:
    """A config as plain values for config.json."""
    return {
        f.name: to_json(value) if dataclasses.is_dataclass(value) else _plain(value)
        for f in dataclasses.fields(config)
        for value in [getattr(config, f.name)]
    }


def from_json(kind: type[T], values: dict[str, Any], *, where: str) -> T:
    """The config of this kind with these values, which may have come from anywhere.

    Raises:
        InputError: an unknown key, a value of another type, or a value that the config refuses; `where` names the file.
    """
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise InputError(f"{where}: unknown key {name!r}. {did_you_mean(name, list(hints))}")
        given[name] = _typed(hints[name], value, where=f"{where}: {name}")
    return kind(**given)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: no such file, or one that holds no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist. Name the folder of a run that genjax has made.") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Restore it, or train the run again.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} holds a {type(values).__name__}, expected an object of named values.")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _typed(hint: Any, value: Any, *, where: str) -> Any:
    """`value`, from JSON, as the field's type."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return from_json(hint, value, where=where)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    if any(value == choice and type(value) is type(choice) for choice in getattr(hint, "__args__", ())):
        return value
    raise InputError(f"{where} is {value!r}, expected {getattr(hint, '__name__', hint)}.")


def _check_run(config: RunConfig) -> None:
    _at_least("", config, 1, "steps", "log_every", "sample_every", "save_every")
    _at_least("", config, 0, "seed", "num_images", "evaluate_every")
    _at_least("", config, 2, "evaluate_num")


def _at_least(group: str, config: Any, bound: float, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= bound:
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected {bound} or more.")


def _at_most(group: str, config: Any, bound: float, *names: str) -> None:
    for name in names:
        if not getattr(config, name) <= bound:
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected less than 1.")


def _above_zero(group: str, config: Any, *names: str) -> None:
    for name in names:
        if not 0 < getattr(config, name) < float("inf"):
            raise InputError(f"{_option(group, name)} is {getattr(config, name)}, expected a number above 0.")


def _option(group: str, name: str) -> str:
    prefix = f"{group}." if group else ""
    return f"--{prefix}{name.replace('_', '-')}"
