"""Adaptation between tasks: transfers, which turn a pretrained parameter tree into what is trained."""

from genjax.transfer.cdc import cdc
from genjax.transfer.ewc import ewc
from genjax.transfer.fisher import diagonal_fisher
from genjax.transfer.freeze import freeze
from genjax.transfer.kernel_modulation import kernel_modulation
from genjax.transfer.l2_sp import l2_sp
from genjax.transfer.lora import lora
from genjax.transfer.miner import miner
from genjax.transfer.registry import TRANSFERS
from genjax.transfer.replay import replay
from genjax.transfer.scale_shift import scale_shift
from genjax.transfer.singular_values import singular_values
from genjax.transfer.transfer import Offer, Spec, Transfer, chain, full

__all__ = [
    "TRANSFERS",
    "Offer",
    "Spec",
    "Transfer",
    "cdc",
    "chain",
    "diagonal_fisher",
    "ewc",
    "freeze",
    "full",
    "kernel_modulation",
    "l2_sp",
    "lora",
    "miner",
    "replay",
    "scale_shift",
    "singular_values",
]
