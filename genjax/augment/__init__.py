"""Differentiable augmentations of a critic's input, all called as (key, images, probability)."""

from genjax.augment import ada, diffaugment

AUGMENTATIONS = {"ada": ada.augment, "diffaugment": diffaugment.augment}

__all__ = ["AUGMENTATIONS"]
