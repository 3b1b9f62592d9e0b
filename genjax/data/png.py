"""Of PNG files, what Pillow does not read as it looks: long texts, and transparent levels of other depths than 8."""

from PIL.ImageFile import ImageFile

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


def scale_transparency(image: ImageFile) -> None:
    """Brings the transparent level of a PNG, which is of the file's depth, to the 8 bits of the pixels."""
    level, depth = image.info.get("transparency"), image.tile[0][3] if image.format == "PNG" and image.tile else None
    if level is not None and depth in ("L;2", "L;4"):
        image.info["transparency"] = level * (85 if depth == "L;2" else 17)  # 3 * 85 = 15 * 17 = 255
    elif level is not None and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in level)
