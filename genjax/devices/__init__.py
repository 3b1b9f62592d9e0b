"""Where a run computes: backend, memory, several devices and processes, and how steps reach them."""
