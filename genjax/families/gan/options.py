"""Options of a GAN."""

from dataclasses import dataclass
from typing import Literal

from genjax.errors import InputError, lookup
from genjax.limits import above_zero, at_least, at_most, option
from genjax.losses import ADVERSARIAL

PENALTIES = ("r1_weight", "r2_weight", "gradient_penalty_weight", "dragan_weight")  # on the critic's gradients
TERMS = (  # of the losses
    *("mixup", "consistency_real", "consistency_fake", "latent_consistency_critic", "latent_consistency_generator"),
    *("feature_matching", "historical_averaging"),
)


@dataclass(frozen=True)
class GanConfig:
    """Generator, critic, and how they play."""

    network: Literal["dcgan", "stylegan2", "resnet", "biggan", "r3gan"] = "dcgan"
    """Strided convolutions; a generator steered by styles and a residual critic; residual blocks under spectral
    normalisation; these with attention and latents in parts; or residual blocks without normalisation, for the loss
    relativistic with R1 and R2. A step of any but the first takes several times as long."""
    width: int = 64
    """Channels of both networks next to the image; of dcgan and r3gan doubled at each halving of the resolution, up to
    eight times."""
    batch_statistic: Literal["deviation", "discrimination", "none"] = "deviation"
    """What dcgan's critic sees of the other images in a group: their standard deviation (Karras et al. 2018), learned
    distances to them (Salimans et al. 2016), or nothing."""
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
    dragan_weight: float = 0.0
    """Weight of DRAGAN's penalty around real images (the paper: 10); 0 is off."""
    penalty_every: int = 1
    """Updates of the critic for one of these penalties, which then has an update of its own and as much more weight: to
    save time on accelerators; on a CPU it saves none."""
    label_smoothing: float = 0.0
    """One-sided label smoothing: real images have the target 1 less this (the paper: .1); 0 is off."""
    mixup: float = 0.0
    """MixUp of real and generated images for the critic: alpha of the Beta distribution (the paper: .2); 0 is off."""
    consistency_real: float = 0.0
    """Weight of the critic's consistency at real images and their shifts (the paper: 10); 0 is off."""
    consistency_fake: float = 0.0
    """Weight of the critic's consistency at generated images and their shifts (the paper: 10); 0 is off."""
    latent_consistency_critic: float = 0.0
    """Weight of the critic's consistency at images of near latents (the paper: 5); 0 is off."""
    latent_consistency_generator: float = 0.0
    """Weight of the generator's reward for telling near latents apart (the paper: .5); 0 is off."""
    latent_noise: float = 0.05
    """Standard deviation of the difference between near latents."""
    feature_matching: float = 0.0
    """Weight, in the generator's loss, of the distance between the critic's mean features of real and generated images;
    0 is off."""
    historical_averaging: float = 0.0
    """Weight of the squared distance between the generator and its moving average; 0 is off."""
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
        at_least("gan", self, 0, *PENALTIES, *TERMS, "ema_images")
        above_zero("gan", self, "learning_rate", "critic_learning_rate", "latent_noise")
        at_most("gan", self, 0.9999999, "beta1", "beta2", "label_smoothing")
        at_least("gan", self, 0, "beta1", "beta2", "label_smoothing")
        if self.penalty_every > 1 and not any(getattr(self, name) for name in PENALTIES):
            *first, last = (option("gan", name) for name in PENALTIES)
            raise InputError(
                f"--gan.penalty-every {self.penalty_every} does nothing without a penalty. Leave it out, or give"
                f" {', '.join(first)} or {last}."
            )
        if lookup(ADVERSARIAL, self.loss, "loss").targets is None:
            _refuse_targets(self)
        if self.batch_statistic != "deviation" and self.network != "dcgan":
            raise InputError(
                f"--gan.batch-statistic {self.batch_statistic} is for the network dcgan, and this is {self.network}."
                " Leave it out."
            )
        if self.historical_averaging and not self.ema_images:
            raise InputError("--gan.historical-averaging needs the moving average: give --gan.ema-images above 0.")
        if self.latent_noise != GanConfig.latent_noise and not (
            self.latent_consistency_critic or self.latent_consistency_generator
        ):
            raise InputError(
                f"--gan.latent-noise {self.latent_noise} does nothing without --gan.latent-consistency-critic or"
                " --gan.latent-consistency-generator. Leave it out, or give one of them."
            )


def _refuse_targets(gan: GanConfig) -> None:
    having = " or ".join(name for name, loss in ADVERSARIAL.items() if loss.targets is not None)
    for name in ("label_smoothing", "mixup"):
        if value := getattr(gan, name):
            raise InputError(
                f"{option('gan', name)} {value} needs a loss with targets, and --gan.loss is {gan.loss}. Use {having}."
            )


@dataclass(frozen=True)
class GanDrawing:
    """The choices in drawing an image from a GAN of styles."""

    truncation: float = 1.0
    """Draws the styles of images to their mean, of a class to its own, for better images of less variety: 1 leaves
    them, 0.7 is usual, 0 makes all images one."""
    mix: int = 0
    """Layer from which on an image takes its styles from other latents, counted from the coarsest: coarse features of
    the one, fine ones of the other; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that nothing could be drawn with."""
        at_least("", self, 0, "truncation", "mix")
