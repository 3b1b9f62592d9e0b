"""The networks of each family, and what they are trained to minimise: what every model on disk carries with it."""

from dataclasses import dataclass

from genjax.errors import InputError, did_you_mean
from genjax.limits import above_zero, at_least, at_most

SIZES = (16, 32, 64, 128, 256, 512)
FAMILIES = ("gan", "vae")
TEXT_TO_IMAGE = "text2image"  # is no such family: it has a config of its own
DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class GanConfig:
    """Generator, critic, and how they play."""

    width: int = 64
    """Channels of both networks next to the image; doubled at each halving of the resolution."""
    latent_size: int = 64
    """Length of the latent vector."""
    loss: str = "non_saturating"
    """minimax, non_saturating, least_squares, wasserstein, hinge or relativistic."""
    r1_weight: float = 1.0
    """Weight of the squared gradient of the critic at real images, gamma; 0 is off."""
    r2_weight: float = 0.0
    """The same at generated images; 0 is off."""
    gradient_penalty_weight: float = 0.0
    """Weight of WGAN-GP's penalty between real and generated images (the paper: 10); 0 is off."""
    critic_steps: int = 1
    """Critic updates, each on a batch of its own, for every update of the generator."""
    learning_rate: float = 2e-3
    """Adam's, of the generator."""
    critic_learning_rate: float = 2e-3
    """Adam's, of the critic."""
    beta1: float = 0.0
    """Adam's first moment decay, of both."""
    beta2: float = 0.99
    """Adam's second moment decay, of both."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the generator that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("gan", self, 1, "width", "latent_size", "critic_steps")
        at_least("gan", self, 0, "r1_weight", "r2_weight", "gradient_penalty_weight", "ema_images")
        above_zero("gan", self, "learning_rate", "critic_learning_rate")
        at_most("gan", self, 0.9999999, "beta1", "beta2")
        at_least("gan", self, 0, "beta1", "beta2")


@dataclass(frozen=True)
class VaeConfig:
    """Encoder, decoder, and what they are held to."""

    width: int = 64
    """Channels of both networks next to the image; doubled at each halving of the resolution."""
    latent_size: int = 32
    """Length of the latent vector."""
    likelihood: str = "gaussian"
    """Of the image given the latents: gaussian (unit scale), optimal_gaussian or bernoulli."""
    kl_weight: float = 1.0
    """Weight of the KL divergence, beta; 1 is the evidence lower bound."""
    learning_rate: float = 1e-3
    """Adam's."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("vae", self, 1, "width", "latent_size")
        at_least("vae", self, 0, "kl_weight", "ema_images")
        above_zero("vae", self, "learning_rate")


@dataclass(frozen=True)
class ModelConfig:
    """Which networks, and how they are trained: what every model on disk carries with it."""

    family: str
    size: int
    channels: int
    dtype: str
    batch: int
    gan: GanConfig
    vae: VaeConfig

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        check_family(self.family)
        check_size(self.size)
        at_least("", self, 1, "batch")
        for name, value, known in (("channels", self.channels, (1, 3)), ("dtype", self.dtype, DTYPES)):
            if value not in known:
                raise InputError(f"--{name} is {value!r}, expected {' or '.join(map(str, known))}.")


def check_family(name: str) -> None:
    """Raises InputError unless there is such a family of models."""
    if name == TEXT_TO_IMAGE:
        raise InputError(f"the model {name} has a config of its own. Use TextToImageConfig and train_text_to_image.")
    if name not in FAMILIES:
        raise InputError(f"unknown model {name!r}. {did_you_mean(name, [*FAMILIES, TEXT_TO_IMAGE])}")


def check_size(size: int) -> None:
    """Raises InputError unless the networks can make images of this size."""
    if size not in SIZES:
        raise InputError(f"--size {size} is not one of {', '.join(map(str, SIZES))}. Use the nearest power of two.")
