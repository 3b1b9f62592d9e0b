"""Adaptation between tasks: transfers, which turn a pretrained parameter tree into what is trained."""

from genjax.transfer.freeze import freeze
from genjax.transfer.full import full
from genjax.transfer.lora import lora
from genjax.transfer.transfer import Transfer, chain

TRANSFERS = {"full": full, "freeze": freeze, "lora": lora}

__all__ = ["TRANSFERS", "Transfer", "chain", "freeze", "full", "lora"]
