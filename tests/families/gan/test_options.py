"""Options of a GAN: each reaches the step, and one that would do nothing is refused."""

import math
from typing import Any

import jax.numpy as jnp
import pytest

from genjax.config import GanConfig
from genjax.control import chain
from genjax.errors import InputError
from genjax.families.family import Training
from genjax.families.gan import family
from genjax.families.model import ModelConfig


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "hinge", "label_smoothing": 0.1}, "--gan.label-smoothing 0.1 needs a loss with targets"),
        ({"loss": "relativistic", "mixup": 0.2}, "Use minimax or non_saturating or least_squares"),
        ({"historical_averaging": 0.1, "ema_images": 0.0}, "--gan.ema-images above 0"),
        ({"latent_noise": 0.1}, "--gan.latent-noise 0.1 does nothing"),
        ({"r1_weight": 0.0, "penalty_every": 4}, "or --gan.dragan-weight"),
        ({"network": "stylegan2", "batch_statistic": "none"}, "--gan.batch-statistic none is for the network dcgan"),
        ({"label_smoothing": 1.0}, "--gan.label-smoothing is 1.0"),
        *[({name: -1.0}, f"--gan.{name.replace('_', '-')} is -1.0") for name in ("mixup", "consistency_real")],
        *[({name: -1.0}, f"--gan.{name.replace('_', '-')} is -1.0") for name in ("feature_matching", "dragan_weight")],
    ],
)
def test_an_option_that_does_nothing_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        GanConfig(**settings)


def test_an_option_reaches_the_step(monkeypatch):
    """Each option of the config is a setting of the learner, under one name or the other."""
    seen = {}

    def recorded(generator, critic, **settings):
        seen.update(settings, critic=critic)

    monkeypatch.setattr(family, "make_gan", recorded)
    numbers: dict[str, Any] = {
        "feature_matching": 0.1,
        "consistency_real": 0.2,
        "consistency_fake": 0.3,
        "latent_consistency_critic": 0.4,
        "latent_consistency_generator": 0.5,
        "latent_noise": 0.6,
        "mixup": 0.7,
        "historical_averaging": 0.8,
    }
    gan = GanConfig(**numbers, label_smoothing=0.25, dragan_weight=0.9, batch_statistic="none")
    model = ModelConfig("gan", 16, 1, "float32", 8, gan)
    family.build_gan(model, Training({}, control=chain()))
    assert tuple(seen["techniques"]) == tuple(numbers.values())
    assert seen["dragan_weight"] == 0.9
    assert seen["critic"].batch_statistic == "none"
    assert float(seen["loss"].critic(jnp.zeros(1), jnp.zeros(1))[0]) == pytest.approx(2 * math.log(2))
    assert float(seen["loss"].critic(jnp.ones(1), jnp.zeros(1))[0]) == pytest.approx(
        math.log1p(math.exp(-1)) + 0.25 + math.log(2), rel=1e-5
    )
