"""Differentiable augmentations of what a critic sees, with a strength p: all are called (key, images, probability)."""

from genjax.augment import ada, diffaugment

AUGMENTATIONS = {"ada": ada.augment, "diffaugment": diffaugment.augment}

__all__ = ["AUGMENTATIONS"]
