"""Pure Flax modules: layers, then one file a family."""
