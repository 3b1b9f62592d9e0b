"""What a run keeps on disk: folder, lock, checkpoints, models, records, metrics."""
