"""A limit on how far an archive may expand: one of a few megabytes that would fill the memory is refused unopened."""

from genjax.errors import InputError

ALWAYS_ALLOWED = 1 << 30  # bytes to which any archive may expand
MAX_RATIO = 100  # largest expansion ratio of a bigger one; photographs reach 2, drawings 20


def limit(packed: int) -> int:
    """Computes the bytes to which an archive of `packed` bytes may expand."""
    return max(ALWAYS_ALLOWED, MAX_RATIO * packed)


def check_expansion(name: str, *, packed: int, unpacked: int) -> None:
    """Raises InputError for an archive that would expand beyond its limit.

    Args:
        name: name of the archive, for the message.
        packed: size of the archive in bytes.
        unpacked: size of its content in bytes.
    """
    if unpacked > limit(packed):
        raise InputError(
            f"{name} would become {unpacked / 1e9:.1f} GB out of {packed / 1e6:.1f} MB, which no images do."
            " Unpack it yourself if you trust it."
        )
