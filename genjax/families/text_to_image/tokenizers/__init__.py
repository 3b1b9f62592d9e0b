"""Image tokenizers: options, the VQ-VAE and the discrete VAE, their codebook."""
