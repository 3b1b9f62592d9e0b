"""Adaptation to few images, and adaptation during training: every transfer and every controller compared."""
