"""`genjax sample`: draws images from a run, or edits images by it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from genjax.cli.options.dynamic import own_options, with_options
from genjax.cli.options.given import given_options
from genjax.cli.options.shown import Number, Source, Texts, Which, shown
from genjax.cli.options.values import path
from genjax.errors import InputError
from genjax.limits import at_least, check_seed
from genjax.terminal import result


@dataclass(frozen=True)
class SampleCommand:
    """Draws images from a run, or changes the class or text of images: one grid, or one file each in a folder."""

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
    edit: Annotated[Path | None, shown("PATH", "default: none")] = None
    """Image, or folder of images, to which --class or --text is given. The grid shows each image, its reconstruction
    and what it became; a folder holds the last alone."""
    strength: float = 0.8
    """Share of the way to noise that images are brought back before they are changed: near 0 they stay as they are, at
    1 their noise alone is left."""
    from_class: str = ""
    """Class of the images of --edit; empty is that of their sub-folder, or not known."""
    from_text: str = ""
    """Text of what the images of --edit show; empty is not known."""
    drawing: Any = None

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        check_seed(self)
        at_least("", self, 1, "scale")
        self._check_edit()

    def _check_edit(self) -> None:
        """Refuses options that nothing would read, with --edit or without it."""
        given = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        needing = {"strength": "strength", "from_class": "from-class", "from_text": "from-text"}
        for name in given & set(needing) if self.edit is None else ():
            raise InputError(f"--{needing[name]} does nothing without --edit. Name an image or a folder with --edit.")
        for name in given & {"seed", "guide"} if self.edit is not None else ():
            raise InputError(f"--{name} does nothing with --edit. Leave it out.")
        if self.edit is not None and len(self.text) > 1:
            raise InputError(f"--edit changes images to one text, and --text names {len(self.text)}. Name one.")


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
    from genjax.report.draw.grid import image_grid, save_image, save_images

    if command.drawing is not None:
        from genjax.families.registry import FAMILIES

        for family in FAMILIES.values():
            family.check_typed(command.drawing)
    if command.out.exists() and not command.force:
        raise InputError(f"--out {command.out} exists already. Use --force to write over it, or another name.")
    if command.out.suffix.lower() not in (".png", ""):
        raise InputError(f"--out {command.out} ends in {command.out.suffix}. Use .png for a grid, or no ending.")
    images, columns = _drawn(command) if command.edit is None else _edited(command)
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


def _drawn(command: SampleCommand) -> tuple[Any, int]:
    """Draws the images of a command; returns them and the columns of their grid, 0 for about a square."""
    from genjax.evaluate.sampling import sample_run

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
    return images, num if command.text else 0


def _edited(command: SampleCommand) -> tuple[Any, int]:
    """Edits the images of a command; for a grid with originals and reconstructions, three columns, else alone."""
    from genjax.evaluate.editing import SHOWN, Change, edit_run, side_by_side

    if command.edit is None:
        raise ValueError("nothing is to be edited")
    images, made = edit_run(
        command.run,
        command.edit,
        Change(command.class_name, " ".join(command.text), command.from_class, command.from_text, command.strength),
        num=command.num if command.num is not None else SHOWN,
        which=command.which,
        source=command.source,
        drawing=command.drawing,
    )
    return (side_by_side(images, made), 3) if command.out.suffix else (made.edited, 0)
