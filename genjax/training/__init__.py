"""The story of a run: plan, loop, stages, resume, recovery, pictures along the way, several seeds."""
