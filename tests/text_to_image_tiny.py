"""A tiny text-to-image model that several tests share, and a stop in the middle of its training."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import numpy as np
from filelock import FileLock
from safetensors.numpy import load_file, save_file

from genjax.config import TrainConfig
from genjax.control import ControlConfig
from genjax.families.text_to_image.network_options import PriorConfig, RerankerConfig
from genjax.families.text_to_image.options import TextToImageConfig
from genjax.families.text_to_image.tokenizers.options import TokenizerConfig
from genjax.training.interruption import Interruption
from genjax.training.loop import train
from genjax.training.stage import run_stage

STAGES = {"tokenizer": 4, "prior": 4, "masked": 3, "reranker": 3}

TINY = TextToImageConfig(
    tokenizer_steps=STAGES["tokenizer"],
    prior_steps=STAGES["prior"],
    masked_steps=STAGES["masked"],
    reranker_steps=STAGES["reranker"],
    tokenizer=TokenizerConfig(grid=4, codes=8, code_size=4, width=4, depth=0),
    prior=PriorConfig(width=16, depth=1, heads=2),
    reranker=RerankerConfig(width=4, text_width=8, text_depth=1, text_heads=2, embedding_size=8),
)


def text_config(out, **changes):
    """A pretraining of TINY; options of the model may come under their own names: `masked_steps=0`."""
    own = {name: changes.pop(name) for name in vars(TINY) if name in changes}
    settings = {
        "data": "glyphs",
        "model": replace(TINY, **own),
        "size": 16,
        "batch": 8,
        "num_images": 48,
        "log_every": 2,
        "sample_every": 2,
        "save_every": 2,
        "evaluate_every": 0,
        "control": ControlConfig(),
        "out": out,
    }
    return TrainConfig(**(settings | changes))


def kept():
    """The folder of TINY, trained without a stop, to be read only: once for all the tests of a session."""
    folder = Path(os.environ["GENJAX_TESTS_KEPT"]) / "text_to_image"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            assert train(text_config(folder / "model"), force=folder.exists()).signal is None
            (folder / "done").touch()
    return folder / "model"


def trained(out):
    """The folder of a copy of TINY, which may be changed and gone on with."""
    shutil.copytree(kept(), out)
    settings = (out / "config.json").read_text()
    (out / "config.json").write_text(settings.replace(str(kept()), str(out)))
    return out


def retrained(folder, stage):
    """The parameters of a stage are others from now on, as if it was trained again."""
    latest = folder / stage / "model" / "latest"
    (path,) = latest.glob("*.safetensors")
    other = {name: np.asarray(leaf + 1) for name, leaf in load_file(path).items()}
    save_file(other, path)
    description = latest / "model.json"
    values = json.loads(description.read_text())
    (entry,) = values["networks"].values()
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    description.write_text(json.dumps(values))


def stage_parameters(folder, stage):
    """{name: array} of what a stage has left."""
    (path,) = (folder / stage / "model" / "latest").glob("*.safetensors")
    return load_file(path)


class StopsAfterOneStep(Interruption):
    """An interruption that comes while the first step is made."""

    questions = 0

    def asked(self):
        """Returns True from the second question on: one comes before the first step."""
        self.questions += 1
        if self.questions > 1:
            self.signal = SIGTERM
        return self.questions > 1


def stops_in(*stages):
    """`run_stage`, stopped after the first step of each of these stages that was not begun before."""

    def stopping(plan, stage, like, finished, interruption, **settings):
        if stage.name in stages and not plan.stage_folder(stage).path.exists():
            interruption = StopsAfterOneStep()
        return run_stage(plan, stage, like, finished, interruption, **settings)

    return stopping
