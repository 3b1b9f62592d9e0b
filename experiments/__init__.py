"""Experiments: scripts that answer one question each, grouped by question, and the modules that they share."""
