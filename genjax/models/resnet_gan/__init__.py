"""GANs of residual blocks: SNGAN's and BigGAN's networks, and the spectral normalisation of their critics."""
