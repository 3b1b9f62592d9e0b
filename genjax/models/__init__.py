"""Neural networks as pure Flax (linen) modules, one file each, and the layers that they share."""
