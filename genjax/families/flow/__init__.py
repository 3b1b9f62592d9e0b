"""Flow models: images carried out of noise by a learned velocity."""
