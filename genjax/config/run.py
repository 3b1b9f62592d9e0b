"""The configs of a run: pretraining and adaptation, as frozen dataclasses, and as JSON and back."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from genjax.control import ControlConfig
from genjax.data.large_images import check_max_pixels
from genjax.data.load import data_help
from genjax.data.named_shots import check_characters
from genjax.data.reading_options import ReadingOptions, check_class_depth
from genjax.errors import InputError
from genjax.families.family import Family, NoOptions
from genjax.families.model import check_size
from genjax.families.registry import DEFAULT, FAMILIES, family_named, family_of
from genjax.json_config import from_json, to_json
from genjax.limits import above_zero, at_least, check_seed
from genjax.transfer.registry import Choice, chosen, names
from genjax.transfer.registry import from_json as transfer_from_json
from genjax.transfer.registry import to_json as transfer_to_json

Data = Annotated[str, tyro.conf.arg(help=data_help())]


@dataclass(frozen=True)
class RunConfig:
    """The settings that a pretraining and an adaptation share."""

    steps: int = 3000
    """Updates in all; a resumed run goes on up to this total. A model of several stages has options of its own."""
    seed: int = 0
    """Seed of everything random: parameters, order of images, latents, shots."""
    num_images: int = 0
    """Number of images to use; 0 is all that the set has (glyphs, which are drawn: 2,000, with captions 20,000)."""
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
    overfit_one_batch: bool = False
    """Train on the first batch again and again: a model that cannot learn it by heart has a fault."""
    control: ControlConfig = field(default_factory=ControlConfig)


@dataclass(frozen=True)
class TrainConfig(ReadingOptions, RunConfig):
    """Pretrains a generator on a set of images."""

    data: Data = "digits"
    split: Literal["train", "all"] = "train"
    """Part of the data to train on; `all` leaves nothing held out."""
    model: Any = field(default_factory=DEFAULT.options)
    """Options of the model's family, which say what is trained: GanConfig(...), VaeConfig(...), or a family's name."""
    size: int = 16
    """Height and width of the images: 16, 32, ... or 512."""
    condition: Literal["none", "class", "text"] = "none"
    """Draw images by the classes of the data (gan, vae, flow) or its captions (flow); a text-to-image model is always
    of text."""
    channels: Literal[0, 1, 3] = 0
    """1 for grey, 3 for colour, 0 as the images are."""
    batch: int = 64
    """Images in a batch."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the computations; parameters are float32 always."""
    out: Path = Path("runs/train")
    """Folder of the run."""

    def __post_init__(self) -> None:
        """Raises InputError for values that no training could use."""
        if isinstance(self.model, str):
            object.__setattr__(self, "model", family_named(self.model).options())
        object.__setattr__(self, "condition", condition_of(family_of(self.model), self.condition))
        check_run(self)
        check_captions(self.captions, self.family, self.condition)
        at_least("", self, 1, "batch")
        check_size(self.size)

    @property
    def family(self) -> Family:
        """Returns the family of the model."""
        return family_of(self.model)


@dataclass(frozen=True)
class AdaptConfig(ReadingOptions, RunConfig):
    """Adapts the generator of a source run to another set of images."""

    source: Path = Path("runs/train")
    """Folder of the run to start from, whose family says which further options there are."""
    data: Data = "glyphs"
    shots: int | None = None
    """Images to adapt to, the same number of each class where there are labels; without it all of them."""
    shots_of: str = ""
    """Classes of one character each whose images are the shots, such as ADGMRaegkt of a font; the others are held
    out."""
    new_classes: bool = False
    """Learn classes that the source does not know, beside those that it knows: a GAN or a VAE of classes."""
    stratify: bool = True
    """Whether the shots are taken class by class where there are labels: so by default, not with --no-stratify."""
    transfer: Any = "full"
    """Options of the transfers, (Freeze(), Lora(rank=4)), or their names: "freeze,lora"."""
    select: bool = False
    """Choose transfer and steps, up to --steps, by how shots fit that were held out in turn; then train on all."""
    candidates: tuple[str, ...] = ()
    """Transfers that --select tries, separated by spaces: full lora freeze,lora; none are the usual of the family."""
    batch: int = 0
    """Images in a batch; 0 is the source's, or all the shots where they are fewer."""
    steps: int = 1000
    """Updates in all; a resumed run goes on up to this total. A model of several stages has options of its own."""
    learning_rate_scale: float = 1.0
    """Factor on the source's learning rates."""
    control_state: Literal["reset", "carry"] = "reset"
    """Whether controllers begin anew or where the source's stood; to carry, they must be the same."""
    out: Path = Path("runs/adapt")
    """Folder of the run."""
    adaptation: Any = field(default_factory=NoOptions)
    """Options that the source's family has for an adaptation."""

    def __post_init__(self) -> None:
        """Raises InputError for values that no training could use."""
        if isinstance(self.transfer, str):
            object.__setattr__(self, "transfer", chosen(self.transfer))
        elif not isinstance(self.transfer, tuple):
            object.__setattr__(self, "transfer", (self.transfer,))
        names(self.transfer)  # refuses what are no options of a transfer
        check_candidates(self.select, self.candidates)
        check_run(self)
        at_least("", self, 0, "batch")
        above_zero("", self, "learning_rate_scale")
        if self.shots is not None and self.shots < 1:
            raise InputError(f"--shots {self.shots}: there is nothing to adapt to. Use 1 or more, or leave it out.")
        check_characters(self.shots_of)
        if self.shots and self.shots_of:
            raise InputError("--shots and --shots-of both choose the shots. Use one of them.")

    @property
    def transfers(self) -> Choice:
        """Returns the options of the transfers, in the order in which they are chained."""
        return self.transfer


@dataclass(frozen=True)
class ImportConfig:
    """Reads a public checkpoint into a run."""

    checkpoint: str
    """Library and folder of the checkpoint: diffusers:FOLDER."""
    out: Path = Path("runs/import")
    """Folder of the run."""


AnyConfig = TrainConfig | AdaptConfig
KINDS: dict[type, str] = {TrainConfig: "train", AdaptConfig: "adapt", ImportConfig: "import"}
C = TypeVar("C", bound=TrainConfig | AdaptConfig)
Begun = TypeVar("Begun", bound=TrainConfig | AdaptConfig | ImportConfig)


def default_config(family: Family) -> TrainConfig:
    """Returns what is trained where nothing but the family is chosen."""
    return TrainConfig(model=family.options(), **family.defaults)


def check_captions(captions: str, family: Family, condition: str) -> None:
    """Raises InputError for an option on captions where the model reads none."""
    if captions != ReadingOptions.captions and condition != "text":
        raise InputError(f"--captions {captions} does nothing for a {family.label}, which reads none. Leave it out.")


def check_candidates(select: bool, candidates: Sequence[str]) -> None:
    """Raises InputError for candidates that nothing would try, are no transfers, or that are named twice."""
    if candidates and not select:
        raise InputError(
            f"--candidates {' '.join(candidates)} does nothing without --select. Add it, or leave this out."
        )
    found = [names(chosen(candidate)) for candidate in candidates]
    if len(set(found)) < len(found):
        raise InputError(f"--candidates {' '.join(candidates)} names one transfer twice. Name each once.")


def condition_of(family: Family, kind: str) -> str:
    """Returns the kind of condition that a family is trained under where this one is asked for.

    Raises:
        InputError: one that it does not have.
    """
    if kind == "none" or kind in family.conditions:
        return kind if kind in family.conditions else family.conditions[0]
    able = [one.name for one in FAMILIES.values() if kind in one.conditions]
    raise InputError(f"--condition {kind}: a {family.label} has no such condition. Use --model {' or '.join(able)}.")


def check_run(config: AnyConfig) -> None:
    """Raises InputError for values that no run could use."""
    check_class_depth(config.class_depth)
    check_max_pixels(config.max_pixels)
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


def config_to_json(config: AnyConfig | ImportConfig) -> dict[str, Any]:
    """Returns a config as plain values: options of the family under its name, transfers as a list."""
    if isinstance(config, ImportConfig):
        return to_json(config)
    plain = dataclasses.replace(config, **_without(config))
    values = to_json(plain)
    if isinstance(config, TrainConfig):
        values["model"] = config.family.name
        values[config.family.name] = to_json(config.model)
        return values
    values["transfer"] = transfer_to_json(config.transfers)
    values["adaptation"] = to_json(config.adaptation)
    for family in FAMILIES.values():
        if type(config.adaptation) is family.adaptation and family.adaptation is not NoOptions:
            values["adaptation"]["family"] = family.name
    return values


def _without(config: AnyConfig) -> dict[str, Any]:
    """Returns neutral values for the fields that have a form of their own in JSON."""
    return {} if isinstance(config, TrainConfig) else {"transfer": "full", "adaptation": NoOptions()}


def config_from_json(kind: type[Begun], values: Mapping[str, Any], *, where: str) -> Begun:
    """Returns the config of these values, which may have come from anywhere; `where` names the file.

    Raises:
        InputError: an unknown key, a value of another type, or one that the config refuses.
    """
    rest, ready = dict(values), {}
    if kind is TrainConfig:
        family = family_named(str(rest.pop("model", DEFAULT.name)))
        options = rest.pop(family.name, {})
        if not isinstance(options, dict):
            raise InputError(f"{where}: {family.name} is {options!r}, expected its options.")
        ready["model"] = from_json(family.options, options, where=f"{where}: {family.name}")
    elif kind is AdaptConfig:
        if "transfer" in rest:
            ready["transfer"] = transfer_from_json(rest.pop("transfer"), where=f"{where}: transfer")
        own = rest.pop("adaptation", {})
        if not isinstance(own, dict):
            raise InputError(f"{where}: adaptation is {own!r}, expected its options.")
        own = dict(own)
        options_type = family_named(str(own.pop("family"))).adaptation if "family" in own else NoOptions
        ready["adaptation"] = from_json(options_type, own, where=f"{where}: adaptation")
    return from_json(kind, rest, where=where, ready=ready)
