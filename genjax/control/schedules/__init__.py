"""Schedules: knobs that follow the number of updates alone, and read no signal."""
