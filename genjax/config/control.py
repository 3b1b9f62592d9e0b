"""Which controllers set a run's knobs, and to what they hold them. One that is at 0 is off."""

from dataclasses import dataclass

from genjax.limits import above_zero, at_least, at_most

# Which family obeys an option; the others are for both.
GAN_OPTIONS = (
    *("ada_target", "ada_images", "apa_target", "lecam_weight", "lecam_start"),
    *("critic_accuracy", "balance_low", "balance_high"),
)
VAE_OPTIONS = (
    *("geco_tolerance", "optimal_sigma", "kl_target", "kl_capacity", "kl_capacity_weight", "free_nats"),
    *("warm_up_steps", "warm_up_cycles"),
)


@dataclass(frozen=True)
class ControlConfig:
    """Adaptation while a run trains: what is measured, and the knob that follows it."""

    ada_target: float = 0.6
    """GAN, adaptive augmentation: the mean sign of the critic on real images to hold; 0 is off."""
    ada_images: float = 100_000
    """GAN, ada and apa: images in which their probability can go from 0 to 1."""
    apa_target: float = 0.0
    """GAN, apa: the same mean sign (the paper: .6), held by showing generated images as real ones; 0 is off."""
    lecam_weight: float = 0.0
    """GAN, LeCam: weight, relative to the scale of the logits, of what holds them near their anchors; 0 is off."""
    lecam_start: int = 1000
    """GAN, LeCam: step from which on it weighs."""
    critic_accuracy: float = 0.0
    """GAN: accuracy on generated images under which the critic gets more steps (the paper: .6); 0 is off."""
    balance_low: float = 0.0
    """GAN, balance: the critic's accuracy under which the generator learns more slowly; 0 is off."""
    balance_high: float = 0.8
    """GAN, balance: the critic's accuracy above which the critic learns more slowly."""
    geco_tolerance: float = 0.2
    """VAE, GECO: root mean squared error of the reconstruction to hold, images in [-1, 1]; 0 is off."""
    optimal_sigma: float = 0.0
    """VAE, optimal sigma: the least scale of the likelihood, which follows the error (.0025); 0 is off."""
    kl_target: float = 0.0
    """VAE, PI control: nats per image that the latents are to carry; 0 is off."""
    kl_capacity: float = 0.0
    """VAE, capacity: nats per image to which the KL is raised in the warm-up steps, if any, and held; 0 is off."""
    kl_capacity_weight: float = 10.0
    """VAE, capacity: weight of the distance to it, gamma."""
    free_nats: float = 0.0
    """VAE, free bits: nats that each latent may carry without cost (the paper: .25); 0 is off."""
    warm_up_steps: int = 0
    """VAE, warm-up: steps in which the weight of the KL, or its capacity, rises from 0; 0 is off."""
    warm_up_cycles: int = 0
    """VAE, warm-up: how often it begins again, each with half of a cycle to rise; 0 is a single linear rise."""
    transfer_ratio: float = 0.0
    """Adaptive weight of the transfer's penalty: its gradient as a multiple of the loss's; 0 is off. With
    l2_sp and ewc it must be well below 1: they pull back to the source, and win."""
    gradient_deviations: float = 0.0
    """Gradient guard: standard deviations above the usual norm from which on a gradient is shortened (3); 0 is off."""
    gradient_skip: bool = False
    """Gradient guard: skip such a step instead."""
    collapse_rollbacks: int = 0
    """Collapse guard: how often to go back to the last good checkpoint with half the learning rate (3); 0 is off."""
    collapse_margin: float = 50.0
    """GAN, collapse guard: distance between the critic's mean logits of real and generated images that is too far."""
    collapse_diversity: float = 0.2
    """Collapse guard: part of its peak under which the diversity of the same latents has collapsed."""

    def __post_init__(self) -> None:
        """Refuses values that no training could use."""
        at_least(
            "control",
            self,
            0,
            *("ada_target", "apa_target", "lecam_weight", "lecam_start", "critic_accuracy", "balance_low"),
            *("geco_tolerance", "optimal_sigma", "kl_target", "kl_capacity", "free_nats"),
            *("warm_up_steps", "warm_up_cycles", "transfer_ratio", "gradient_deviations", "collapse_rollbacks"),
        )
        at_most(
            "control",
            self,
            0.9999999,
            *("ada_target", "apa_target", "critic_accuracy", "balance_low", "balance_high", "collapse_diversity"),
        )
        above_zero("control", self, "ada_images", "kl_capacity_weight", "collapse_margin", "collapse_diversity")
