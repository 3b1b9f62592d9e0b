"""The texts in PNG files, which Pillow refuses where they are long."""

MAGIC = b"\x89PNG\r\n\x1a\n"
TEXT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # chunks that say nothing of the pixels


def without_text(png: bytes) -> bytes:
    """Removes the chunks of text from a PNG file: Pillow refuses those that are long."""
    kept, place = [MAGIC], len(MAGIC)
    while place < len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4], "big")  # length, type, content, checksum
        kept += [] if png[place + 4 : place + 8] in TEXT else [png[place:end]]
        place = end
    return b"".join(kept)
