"""Modules that several experiments share: timing in turns, intervals over seeds, tiny runs, commands."""
