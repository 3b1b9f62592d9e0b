"""GANs: recipes of their training, compared."""
