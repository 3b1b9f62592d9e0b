"""Denoising diffusion, which public checkpoints hold: its options, network and process, and how one is read."""
