"""Networks that only text-to-image models have."""
