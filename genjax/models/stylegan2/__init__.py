"""StyleGAN2: its networks, layers of equalised learning rates, and resampling by a filter."""
