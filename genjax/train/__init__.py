"""Training: learners, the loop that runs them, and what it leaves on disk."""

from genjax.train.adapt_text_to_image import adapt_text_to_image
from genjax.train.artifact import Model, load_model
from genjax.train.build import build_learner
from genjax.train.gan import make_gan
from genjax.train.loop import adapt, train
from genjax.train.recipes import build_transfers
from genjax.train.render import make_renderer
from genjax.train.state import Learner, TrainState
from genjax.train.text_to_image import train_text_to_image
from genjax.train.text_to_image_model import load_text_to_image
from genjax.train.vae import make_vae

__all__ = [
    "Learner",
    "Model",
    "TrainState",
    "adapt",
    "adapt_text_to_image",
    "build_learner",
    "build_transfers",
    "load_model",
    "load_text_to_image",
    "make_gan",
    "make_renderer",
    "make_vae",
    "train",
    "train_text_to_image",
]
