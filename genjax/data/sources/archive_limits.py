"""Archives that become far more than they are: a few megabytes that would fill the memory are refused unopened."""

from genjax.errors import InputError

FREE = 1 << 30  # bytes that any archive may become
MOST = 100  # times its own size, beyond that; photographs reach 2, drawings 20


def limit(packed: int) -> int:
    """Bytes that an archive of this size may become."""
    return max(FREE, MOST * packed)


def check_expansion(name: str, *, packed: int, unpacked: int) -> None:
    """Raises InputError for an archive that becomes more than it may.

    Args:
        name: of the archive, for the message.
        packed: its size in bytes.
        unpacked: what it becomes, in bytes.
    """
    if unpacked > limit(packed):
        raise InputError(
            f"{name} would become {unpacked / 1e9:.1f} GB out of {packed / 1e6:.1f} MB, which no images do."
            " Unpack it yourself if you trust it."
        )
