"""Training of the source of fonts: a flow of characters, each in the style of every face that it is shown.

    python experiments/fonts/train_source.py --out runs/fonts32-flow      # resumable
    python experiments/fonts/train_source.py --quick                      # a few steps into a temporary folder

Class is the character, style the face: a new font becomes a new row of the table of styles. (see benchmark.py) What was
trained is in the zoo as fonts32-flow: experiments/zoo/publish.py has put it there.
"""

import dataclasses
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, so that `experiments` is importable
from genjax.devices import backend

backend.prepare()  # before jax is imported

from experiments.common.resumed import trained
from genjax.config import TrainConfig
from genjax.errors import InputError
from genjax.families.flow.options import DitConfig, FlowConfig
from genjax.terminal import result, say


@dataclass(frozen=True)
class TrainSource:
    """Trains the source of fonts."""

    out: Path = Path("runs/fonts32-flow")
    """Folder of the run."""
    steps: int = 3000
    """Updates, of 64 images each."""
    quick: bool = False
    """A few steps on few images, into a temporary folder."""


def main(settings: TrainSource) -> int:
    """Trains, or goes on; returns the exit code."""
    dit = DitConfig(width=128, depth=6, heads=4)
    if settings.quick:
        folder = Path(tempfile.mkdtemp(prefix="genjax-fonts-")) / "source"
        settings, dit = dataclasses.replace(settings, out=folder, steps=3), DitConfig(width=16, depth=1, heads=2)
    config = TrainConfig(
        data="fonts:roboto" if settings.quick else "fonts",  # one package is enough to see that it runs
        size=32,
        condition="class",
        model=FlowConfig(dit=dit, styles="face", learning_rate=2e-3, warm_up_steps=200),
        batch=8 if settings.quick else 64,
        steps=settings.steps,
        evaluate_every=0,
        out=settings.out,
    )
    if not trained(config):
        return 130
    result(str(settings.out))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(TrainSource, config=(tyro.conf.FlagCreatePairsOff,))))
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
