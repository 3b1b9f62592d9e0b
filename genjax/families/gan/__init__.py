"""Generative adversarial networks: options, objectives, the learner, the family."""
