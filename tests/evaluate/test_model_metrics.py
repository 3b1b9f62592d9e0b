"""How a VAE explains images: which of its figures mean something."""

import numpy as np
import pytest
from tiny import train_config

from genjax.config import ControlConfig, VaeConfig
from genjax.data import Dataset
from genjax.errors import InputError
from genjax.evaluate.model_metrics import EXPLANATIONS, explain, explains
from genjax.evaluate.sampling import load_trained
from genjax.training.loop import train

IMAGES = Dataset("noise", "test", np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8))
OF_VAES = {"nats", "kl", "active_units", "psnr", "ssim"}


@pytest.mark.slow
def test_without_a_density_of_an_image_there_is_no_bound_on_it(tmp_path):
    """The scale of optimal_gaussian is that of a batch: nats would depend on how many images are taken at once."""
    vae = VaeConfig(width=8, latent_size=4, likelihood="optimal_gaussian")
    off = ControlConfig(ada_target=0.0, geco_tolerance=0.0)
    train(train_config("vae", tmp_path / "run", steps=2, vae=vae, control=off))
    loaded = load_trained(tmp_path / "run")
    assert set(explains(loaded.trained)) == OF_VAES - {"nats"}
    assert {record.name for record in explain(loaded, IMAGES)} == OF_VAES - {"nats"}
    with pytest.raises(InputError, match=r"nats of a model with --vae.likelihood optimal_gaussian has no meaning"):
        explain(loaded, IMAGES, metrics=["nats"])


def test_a_model_is_asked_only_for_what_its_family_has(kept_runs):
    gan, vae = load_trained(kept_runs / "gan"), load_trained(kept_runs / "vae")
    assert explains(gan.trained) == ()
    assert set(explains(vae.trained)) == OF_VAES
    assert {*OF_VAES, "token_nats", "unigram_nats"} == set(EXPLANATIONS)
    with pytest.raises(InputError, match="psnr need a VAE or a flow model or a text-to-image model, and this is a GAN"):
        explain(gan, IMAGES, metrics=["psnr"])
    with pytest.raises(InputError, match="token_nats need a text-to-image model, and this is a VAE"):
        explain(vae, IMAGES, metrics=["token_nats"])
