"""What tests do with the toy family: enter it, train it, adapt it, stop it in a step."""

from contextlib import contextmanager

import pytest
from remembered import remembering
from tiny import adapt_config, train_config
from toy import TOY, ToyConfig

from genjax.cli.main import main
from genjax.config import ModelConfig
from genjax.families.registry import FAMILIES
from genjax.training import stage as stage_module
from genjax.transfer.lora import Lora
from genjax.transfer.registry import TRANSFERS

TOY_MODEL = ModelConfig("toy", 16, 1, "float32", 8, ToyConfig())
TOY_LINE = ("--data", "digits", "--num-images", 40, "--batch", 8, "--steps", 4)
KEPT = remembering(TOY)  # equal runs have one compiled step, as those of the families of the package
FITTING = {"lora": Lora(rank=1)}  # its kernel has four rows: no other rank saves numbers


@contextmanager
def toy_entered():
    """Inside, the toy is a family as any other: this one entry is all that it needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", KEPT)
        yield


def genjax(*arguments):
    """The exit code of a command line, in this process."""
    return main([str(argument) for argument in arguments])


def toy_config(out, **changes):
    """A pretraining of a second."""
    return train_config("toy", out, **({"model": "toy", "save_every": 2} | changes))


def options_of(transfer):
    """Options of a transfer with which it can work on the toy."""
    return FITTING.get(transfer, TRANSFERS[transfer].options())


def adapted_toy(source, out, transfer, **changes):
    """An adaptation of a second."""
    return adapt_config(source, out, transfer=options_of(transfer), **({"steps": 2, "save_every": 2} | changes))


def in_step(patch, number, act):
    """Has the feed of a step's batch do something first."""
    real = stage_module.batch_indices

    def feed(n, batch, seed, step):
        if step == number:
            act()
        return real(n, batch, seed, step)

    patch.setattr(stage_module, "batch_indices", feed)
