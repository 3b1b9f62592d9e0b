"""The machine of a run: backend, memory, several devices and processes, and how steps reach them."""
