"""What a text-to-image model would be, without training it: what `dry_run.py` says of a run, of each stage."""

from typing import Any

import jax
import numpy as np

from genjax.config.model import TEXT_TO_IMAGE
from genjax.config.text_to_image import TextToImageConfig
from genjax.devices.memory import available
from genjax.families.learner import TrainState
from genjax.families.text_to_image.model import segments_of
from genjax.store.doctor import stage_steps
from genjax.training.dry_run import CLOSING, batch_of, demand_lines, demands
from genjax.training.plan import device_line
from genjax.training.text_to_image import TextToImagePlan, data_line, plan_text_to_image

FED = {  # stage -> the parts of its batches
    "tokenizer": ("image",),
    "prior": ("text", "tokens"),
    "masked": ("text", "tokens"),
    "reranker": ("image", "text"),
}

ABOVE = 2.1  # times what is read from a program, at most: of a transformer more is kept than would have to be
OF_NETWORKS = ("parameters", "trained")  # which learners name by their kind, and both priors by the same


def rehearse_text_to_image(config: TextToImageConfig, *, resume: bool = False, force: bool = False) -> dict[str, Any]:
    """What training under this config would need. Everything is checked as by training; nothing is written.

    Returns:
        Values for JSON: `introduction` (lines), `stages` {stage: `parameters`, `trained`, `bytes` and `flops` as in
        `dry_run.rehearse`}, `available` (bytes of the device).
    Raises:
        InputError: what training would raise before its first step.
    """
    plan = plan_text_to_image(config, resume=resume, force=force)
    text, tokens = segments_of(config, plan.vocabulary)
    example = {
        "image": np.zeros((1, *plan.data.images.shape[1:]), np.uint8),
        "text": np.zeros((1, text.length), np.int32),
        "tokens": np.zeros((1, tokens.length), np.int32),
    }
    stages = {}
    for name, learner in plan.learners.items():
        fed = {part: example[part] for part in FED[name]}
        state: TrainState = jax.eval_shape(lambda learner=learner, fed=fed: learner.init(jax.random.key(0), fed))
        found = demands(learner, state, batch_of(fed, config.batch), plan.layout)
        stages[name] = found | {part: dict(zip([name], found[part].values(), strict=True)) for part in OF_NETWORKS}
    return {"introduction": introduction(config, plan, stages), "stages": stages, "available": available()}


def introduction(config: TextToImageConfig, plan: TextToImagePlan, stages: dict[str, Any]) -> list[str]:
    """Five lines: data, model, device, source, folder."""
    trained = [f"{network} {number:,}" for found in stages.values() for network, number in found["trained"].items()]
    steps = ", ".join(f"{name} {number:,}" for name, number in stage_steps(config).items())
    size, channels = config.size, plan.data.images.shape[-1]
    return [
        f"{data_line(plan)}, {size}x{size}x{channels}",
        f"model    {TEXT_TO_IMAGE}, {' + '.join(trained)} trained",
        device_line(plan.layout, "float32"),
        "source   none: pretraining",
        f"folder   {config.out}, steps of {config.batch} images: {steps}",
    ]


def described_text_to_image(found: dict[str, Any]) -> str:
    """The same for people: a table a stage."""
    stages = [line for stage in found["stages"].values() for line in (*demand_lines(stage, found["available"]), "")]
    return "\n".join([*found["introduction"], "", *stages, CLOSING.format(ABOVE)])
