"""Decoding of tokens from a transformer's logits: autoregressive, or in parallel as in MaskGIT."""

from genjax.families.text_to_image.decoding.autoregressive import Steps, decode_autoregressively
from genjax.families.text_to_image.decoding.decoder import (
    Decoder,
    autoregressive_decoder,
    best_of,
    parallel_decoder,
    repeated,
)
from genjax.families.text_to_image.decoding.filters import make_filter
from genjax.families.text_to_image.decoding.guidance import combine, guided_infill, guided_steps
from genjax.families.text_to_image.decoding.parallel import Infill, decode_in_parallel

__all__ = [
    "Decoder",
    "Infill",
    "Steps",
    "autoregressive_decoder",
    "best_of",
    "combine",
    "decode_autoregressively",
    "decode_in_parallel",
    "guided_infill",
    "guided_steps",
    "make_filter",
    "parallel_decoder",
    "repeated",
]
