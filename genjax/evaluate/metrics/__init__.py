"""Metrics of features and images: pure functions, a file a kind."""
