"""Metrics of features and images: pure functions, a file a kind, each listed by its SPEC in evaluate/scores.py."""
