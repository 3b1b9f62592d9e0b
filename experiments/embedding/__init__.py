"""Training of the network behind the features `embedded-v1`."""
