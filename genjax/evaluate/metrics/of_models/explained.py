"""The metrics of how a model explains images, in words: without JAX, for the help of --metrics."""

SUMMARIES = {
    "nats": "Bound on -log p(x), in nats per image.",
    "kl": "What the latents carry in all, in nats per image.",
    "active_units": "Latents that the model uses.",
    "psnr": "Reconstruction of held-out images, in decibels.",
    "ssim": "Structural similarity of reconstruction and image.",
    "token_nats": "Nats of an image's tokens given its text.",
    "unigram_nats": "The same by counts of each place.",
}


def explained_help() -> str:
    """Returns a line for each metric, for the help of --metrics and for documentation."""
    return "\n".join(f"{name}: {summary} Of a model that can." for name, summary in SUMMARIES.items())
