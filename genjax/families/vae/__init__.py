"""Variational autoencoders: options, the learner, the family."""
