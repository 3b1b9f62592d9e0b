"""The zoo: small trained models that come with genjax, a run folder each."""
