"""Kills, stops, damaged files and long runs: the promises of docs/reliability.md, tried on real processes."""
