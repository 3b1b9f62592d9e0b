"""`--transfer auto`: the transfer for a family and a number of shots, by experiments/results/few_shot.md."""

import dataclasses

from genjax.config import AdaptConfig, ModelConfig

AUTO = "auto"
FEW = 30  # between the 10 and the 100 shots that were measured


def choose_transfer(family: str, shots: int | None) -> str:
    """What the benchmark on digits to glyphs speaks for; seeds, intervals and what speaks against it stand there.

    A GAN: `freeze`, which the benchmark cannot tell from full fine-tuning in distance or diversity, and which trains
    fewer numbers. A VAE of few shots: `miner`, the nearest in both distances among those that cover as much, at the
    price of more copies. Else full fine-tuning. On emoji with 100 shots a GAN came nearer by `freeze` than its source
    was, where full fine-tuning did harm; with 5 it did not, and with 1 it repeats that shot; a VAE by `miner` not with
    each seed.

    Args:
        family: of the source.
        shots: images to adapt to; None is a whole set.
    """
    if family == "gan" and shots:
        return "freeze"
    return "miner" if family == "vae" and shots and shots <= FEW else "full"


def decided(config: AdaptConfig, model: ModelConfig) -> AdaptConfig:
    """The config with `auto` replaced by what it means for this source."""
    if config.transfer != AUTO:
        return config
    return dataclasses.replace(config, transfer=choose_transfer(model.family, config.shots))
