"""`genjax sample`: draws images from a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from genjax.cli.dynamic import own_options, with_options
from genjax.cli.given import given_options
from genjax.cli.shown import Number, Source, Texts, Which
from genjax.cli.values import path
from genjax.errors import InputError
from genjax.limits import at_least, check_seed
from genjax.terminal import result


@dataclass(frozen=True)
class SampleCommand:
    """Draws images from a run: one grid, or one file each in a folder."""

    run: Path = Path("runs/train")
    """Folder of the run; where it comes first, --run may be left out."""
    text: Texts = ()
    """Texts that a model of texts is to draw, each in quotes."""
    num: Number = None
    """Number of images; of texts, of each."""
    class_name: Annotated[str, tyro.conf.arg(name="class")] = ""
    """Class that a model of classes is to draw; empty draws from all."""
    seed: int = 0
    """Seed of the latents: the same seed shows the same latents in a source and its adaptation."""
    out: Path = Path("grid.png")
    """A .png file for a grid, or a folder (a name without ending) for a file each."""
    scale: int = 1
    """Pixels on the side of each pixel of the grid."""
    which: Which = "latest"
    """The latest model of the run, or the best by its evaluations along training."""
    source: Source = None
    """Folder of the run that this one was adapted from, if it has been moved."""
    force: bool = False
    """Write over what is there, and delete further images that an earlier call has numbered in the folder."""
    guide: str = ""
    """Folder of the run that --guidance is away from, or `source` for the run that this one was adapted from."""
    drawing: Any = None

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        check_seed(self)
        at_least("", self, 1, "scale")


def sample_type(arguments: Sequence[str]) -> type:
    """Returns the command with the options of drawing that the family of the run has.

    Args:
        arguments: those after the verb; a run that is no model has no such options.
    """
    from genjax.families.registry import FAMILIES
    from genjax.store.description import read_model_config

    given = given_options(arguments, "--run")["--run"]
    try:
        kind = FAMILIES[read_model_config(path(given) if given else SampleCommand().run).family].sampling
    except InputError:
        return with_options(SampleCommand, {})
    return with_options(SampleCommand, {"drawing": own_options(kind, kind())})


def run_sampling(command: SampleCommand) -> int:
    """Samples, and writes the grid or the folder."""
    from genjax.evaluate.sampling import sample_run
    from genjax.report.draw.grid import image_grid, save_image, save_images

    if command.drawing is not None:
        from genjax.families.registry import FAMILIES

        for family in FAMILIES.values():
            family.check_typed(command.drawing)
    if command.out.exists() and not command.force:
        raise InputError(f"--out {command.out} exists already. Use --force to write over it, or another name.")
    if command.out.suffix.lower() not in (".png", ""):
        raise InputError(f"--out {command.out} ends in {command.out.suffix}. Use .png for a grid, or no ending.")
    num = command.num if command.num is not None else 8 if command.text else 64
    images = sample_run(
        command.run,
        num,
        seed=command.seed,
        which=command.which,
        source=command.source,
        texts=command.text or None,
        class_name=command.class_name,
        guide=command.guide,
        drawing=command.drawing,
    )
    columns = num if command.text else 0
    try:
        if command.out.suffix:
            command.out.parent.mkdir(parents=True, exist_ok=True)
            save_image(command.out, image_grid(images, columns=columns), scale=command.scale)
        else:
            save_images(command.out, images)
    except OSError as error:
        raise InputError(f"--out {command.out} cannot be written ({error}). Name another place.") from None
    result(str(command.out))
    return 0
