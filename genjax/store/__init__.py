"""The files of a run: folder, lock, checkpoints, models, records, metrics."""
