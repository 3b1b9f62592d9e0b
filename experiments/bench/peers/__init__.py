"""The networks and formulas that genjax is timed against: plain Flax, PyTorch, scipy."""
