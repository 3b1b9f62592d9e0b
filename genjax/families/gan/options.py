"""Options of a GAN."""

from dataclasses import dataclass
from typing import Literal

from genjax.errors import InputError, lookup
from genjax.limits import above_zero, at_least, at_most
from genjax.losses import ADVERSARIAL


@dataclass(frozen=True)
class GanConfig:
    """Generator, critic, and how they play."""

    network: Literal["dcgan", "stylegan2", "resnet", "biggan", "r3gan"] = "dcgan"
    """Strided convolutions; a generator steered by styles and a residual critic; residual blocks under spectral
    normalisation; these with attention and latents in parts; or residual blocks without normalisation, for the loss
    relativistic with R1 and R2. A step of any but the first takes several times as long."""
    width: int = 64
    """Channels of both networks next to the image; of dcgan doubled at each halving of the resolution, up to eight
    times."""
    latent_size: int = 64
    """Length of the latent vector."""
    loss: str = "non_saturating"
    """Adversarial loss: minimax, non_saturating, least_squares, wasserstein, hinge or relativistic."""
    r1_weight: float = 1.0
    """Weight of R1, the squared gradient of the critic at real images, gamma; 0 is off."""
    r2_weight: float = 0.0
    """Weight of R2, the squared gradient of the critic at generated images; 0 is off."""
    gradient_penalty_weight: float = 0.0
    """Weight of WGAN-GP's penalty between real and generated images (the paper: 10); 0 is off."""
    penalty_every: int = 1
    """Updates of the critic for one of these penalties, which then has an update of its own and as much more weight: to
    save time on accelerators; on a CPU it saves none."""
    critic_steps: int = 1
    """Critic updates, each on a batch of its own, for every update of the generator."""
    learning_rate: float = 2e-3
    """Learning rate of the generator (Adam)."""
    critic_learning_rate: float = 2e-3
    """Learning rate of the critic (Adam)."""
    beta1: float = 0.0
    """Decay of Adam's first moment, for both."""
    beta2: float = 0.99
    """Decay of Adam's second moment, for both."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the generator that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("gan", self, 1, "width", "latent_size", "critic_steps", "penalty_every")
        at_least("gan", self, 0, "r1_weight", "r2_weight", "gradient_penalty_weight", "ema_images")
        above_zero("gan", self, "learning_rate", "critic_learning_rate")
        at_most("gan", self, 0.9999999, "beta1", "beta2")
        at_least("gan", self, 0, "beta1", "beta2")
        if self.penalty_every > 1 and not (self.r1_weight or self.r2_weight or self.gradient_penalty_weight):
            raise InputError(
                f"--gan.penalty-every {self.penalty_every} does nothing without a penalty. Leave it out, or give"
                " --gan.r1-weight, --gan.r2-weight or --gan.gradient-penalty-weight."
            )
        lookup(ADVERSARIAL, self.loss, "loss")


@dataclass(frozen=True)
class GanDrawing:
    """The choices in drawing an image from a GAN of styles."""

    truncation: float = 1.0
    """Brings the styles of images to their mean, of a class to its own: 1 leaves them, 0.7 is usual, at 0 all images
    are one. Better images, of less variety."""
    mix: int = 0
    """Layer from which on an image takes its styles from other latents, counted from the coarsest: coarse features of
    the one, fine ones of the other; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        at_least("", self, 0, "truncation", "mix")
