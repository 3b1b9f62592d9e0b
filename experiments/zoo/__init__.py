"""Experiments that make the models of the zoo."""
