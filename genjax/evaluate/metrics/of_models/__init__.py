"""Metrics of how a model explains images: likelihood, reconstruction, tokens, listed in evaluate/model_metrics.py."""
