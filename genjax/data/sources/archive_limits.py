"""Limits on archives: one of a few megabytes that would fill the memory is refused unopened."""

from genjax.errors import InputError

ALWAYS_ALLOWED = 1 << 30  # bytes to which any archive may expand
MAX_RATIO = 100  # largest expansion ratio of a bigger one; photographs reach 2, drawings 20
MAX_MEMBERS = 5_000_000  # files in an archive; all of ImageNet are 14 million in 22 thousand archives
MAX_MEMBER = 1 << 29  # bytes of a file in an archive, which is read as a whole
MAX_IN_MEMORY = 1 << 30  # bytes of the unpacked .tar.gz of a set, which are kept in memory


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


def check_members(name: str, number: int) -> None:
    """Raises InputError for an archive of more files than are read."""
    if number > MAX_MEMBERS:
        raise InputError(f"{name} has more than {MAX_MEMBERS:,} files. Divide it into several archives.")
