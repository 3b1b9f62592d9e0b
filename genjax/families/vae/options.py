"""Options of a VAE."""

from dataclasses import dataclass

from genjax.errors import lookup
from genjax.families.vae.learner import LIKELIHOODS
from genjax.limits import above_zero, at_least


@dataclass(frozen=True)
class VaeConfig:
    """Encoder, decoder, and what they are held to."""

    width: int = 64
    """Channels of both networks next to the image; doubled at each halving of the resolution."""
    latent_size: int = 32
    """Length of the latent vector."""
    likelihood: str = "gaussian"
    """Likelihood of the image given the latents: gaussian (unit scale), optimal_gaussian or bernoulli."""
    kl_weight: float = 1.0
    """Weight of the KL divergence, beta; 1 is the evidence lower bound."""
    learning_rate: float = 1e-3
    """Learning rate (Adam)."""
    ema_images: float = 10_000
    """Half-life, in images, of the moving average of the parameters that is sampled from; 0 is off."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least("vae", self, 1, "width", "latent_size")
        at_least("vae", self, 0, "kl_weight", "ema_images")
        above_zero("vae", self, "learning_rate")
        lookup(LIKELIHOODS, self.likelihood, "likelihood")
