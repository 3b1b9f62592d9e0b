"""Public checkpoints of other libraries: their folders, and the runs that are made of them."""
