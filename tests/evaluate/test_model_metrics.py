"""How a VAE explains images: which of its figures mean something."""

import numpy as np
import pytest
from tiny import train_config

from genjax.config import ControlConfig, VaeConfig
from genjax.errors import InputError
from genjax.evaluate.model_metrics import EXPLANATIONS, explain, explains
from genjax.store.model import load_model
from genjax.training.loop import train

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)


def test_without_a_density_of_an_image_there_is_no_bound_on_it(tmp_path):
    """The scale of optimal_gaussian is that of a batch: nats would depend on how many images are taken at once."""
    vae = VaeConfig(width=8, latent_size=4, likelihood="optimal_gaussian")
    off = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
    train(train_config("vae", tmp_path / "run", steps=2, vae=vae, control=off))
    model = load_model(tmp_path / "run")
    assert set(EXPLANATIONS) - set(explains(model)) == {"nats"}
    assert {record.name for record in explain(model, IMAGES)} == set(explains(model))
    with pytest.raises(InputError, match=r"nats of a model with --vae.likelihood optimal_gaussian has no meaning"):
        explain(model, IMAGES, metrics=["nats"])
