"""From a config to the learner of a tokenizer, and to the functions that a trained one is used by."""

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from genjax.control import Controllable, Controller, chain, kl_annealing, learning_rate_annealing, temperature
from genjax.errors import lookup
from genjax.families.learner import Learner
from genjax.families.text_to_image.tokenizers import dvae, vq
from genjax.families.text_to_image.tokenizers.dvae import dvae_codec, make_dvae
from genjax.families.text_to_image.tokenizers.learner import LIKELIHOODS, Codec, PixelLikelihood
from genjax.families.text_to_image.tokenizers.options import TokenizerConfig
from genjax.families.text_to_image.tokenizers.vq import make_vq, vq_codec
from genjax.models.text_to_image.tokenizer import Tokenizer
from genjax.transfer import Transfer


def build_tokenizer(
    config: TokenizerConfig,
    *,
    size: int,
    channels: int,
    transfer: Transfer | None = None,
    controller: Controller | None = None,
    images_per_epoch: int = 0,
    dtype: DTypeLike = jnp.float32,
    learning_rate_scale: float = 1.0,
    accumulate: int = 1,
) -> Learner:
    """Builds the learner of this tokenizer.

    Args:
        config: its networks and losses. A discrete VAE has the controllers of its temperature and KL weight.
        size: height and width of the images.
        channels: 1 or 3.
        transfer: of the whole network; None trains everything.
        controller: of other knobs; None is none.
        images_per_epoch: over which the use of the codes is counted; 0 is all of training.
        dtype: of the computations.
        learning_rate_scale: factor on the learning rate.
        accumulate: parts of a batch that are computed one after the other.
    Raises:
        InputError: an unknown likelihood, a grid that does not fit, a controller or transfer that does not.
    """
    module, likelihood = _network(config, size=size, channels=channels, dtype=dtype)
    shared = {
        "likelihood": likelihood,
        "optimizer": optax.adam(learning_rate_scale * config.learning_rate),
        "ema_images": config.ema_images,
        "images_per_epoch": images_per_epoch,
        "transfer": transfer,
        "accumulate": accumulate,
    }
    parts = [controller] if controller else []
    if config.learning_rate_steps:
        parts.append(learning_rate_annealing(config.learning_rate_steps))
    if config.kind == "vq":
        own = config.vq
        return make_vq(
            module,
            controller=chain(*parts),
            commitment_weight=own.commitment_weight,
            decay=own.decay,
            restart_below=own.restart_below,
            **shared,
        )
    relaxed = config.dvae
    parts.append(temperature(relaxed.temperature_steps, last=relaxed.last_temperature))
    parts.append(kl_annealing(relaxed.kl_steps, weight=relaxed.kl_weight))
    return make_dvae(module, controller=chain(*parts), **shared)


def measured_of_tokenizer(config: TokenizerConfig) -> Controllable:
    """Returns the signals and knobs of the learner of this tokenizer, for controllers beside its own."""
    kind = vq if config.kind == "vq" else dvae
    return Controllable("text-to-image model", kind.SIGNALS, kind.KNOBS, ("tokenizer",))


def build_codec(config: TokenizerConfig, *, size: int, channels: int, dtype: DTypeLike = jnp.float32) -> Codec:
    """Builds what turns images to tokens and back, by the parameters of a trained tokenizer of this config.

    Raises:
        InputError: an unknown likelihood, or a grid that does not fit.
    """
    codec = vq_codec if config.kind == "vq" else dvae_codec
    return codec(*_network(config, size=size, channels=channels, dtype=dtype))


def _network(
    config: TokenizerConfig, *, size: int, channels: int, dtype: DTypeLike
) -> tuple[Tokenizer, PixelLikelihood]:
    config.check_size(size)
    own = config.vq if config.kind == "vq" else config.dvae
    likelihood = lookup(LIKELIHOODS, own.likelihood, "likelihood")
    module = Tokenizer(
        size=size,
        grid=config.grid,
        channels=channels,
        codes=config.codes,
        code_size=config.code_size,
        width=config.width,
        depth=config.depth,
        encoded=config.code_size if config.kind == "vq" else config.codes,
        decoded=channels * likelihood.values,
        dtype=dtype,
    )
    return module, likelihood
