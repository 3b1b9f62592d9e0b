"""Adaptive discriminator augmentation: keeps the critic from memorising a small set. (Karras et al. 2020, section 3.2)

The critic's mean sign on real images rises towards 1 as it overfits. The controller raises the probability of
augmentation while that mean is above the target and lowers it below. When: few real images. Without a bound the
probability has been seen to grow until augmentations leak into the samples; under 0.8 they do not (section 2.2).
"""

from genjax.control.controller import Controller
from genjax.control.overfitting import hold_sign


def ada(*, target: float = 0.6, images_to_one: float = 500_000, interval: int = 4, bound: float = 0.8) -> Controller:
    """Sets `augment_probability` in [0, bound] from the signals `real_sign` and `images`.

    Args:
        target: of the mean sign of the critic's logits on real images, in (-1, 1).
        images_to_one: how many images it takes to move the probability by 1; 100,000 when adapting (paper: 500k, 100k).
        interval: steps that are averaged before each move.
        bound: the highest probability.
    """
    return hold_sign("augment_probability", target=target, images_to_one=images_to_one, interval=interval, bound=bound)
