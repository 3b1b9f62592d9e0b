"""Adaptive pseudo augmentation: generated images stand in for real ones while the critic overfits. (Jiang et al. 2021)

The same rule as ADA's moves the probability with which a real image is replaced by a generated one, which the critic
then is told to be real (section 3.2). When: few real images, and pictures that an augmentation would spoil; it can be
combined with ADA.
"""

from genjax.control.controller import Controller
from genjax.control.overfitting import hold_sign


def apa(*, target: float = 0.6, images_to_one: float = 500_000, interval: int = 4, bound: float = 0.8) -> Controller:
    """Sets `replace_probability` in [0, bound] from the signals `real_sign` and `images`.

    Args:
        target: of the mean sign of the critic's logits on what it is shown as real, in (-1, 1).
        images_to_one: how many images it takes to move the probability by 1.
        interval: steps that are averaged before each move.
        bound: the highest probability.
    """
    return hold_sign("replace_probability", target=target, images_to_one=images_to_one, interval=interval, bound=bound)
