"""Transparent pixels: put on white, and told by the level that a PNG has for them."""

from PIL import Image
from PIL.ImageFile import ImageFile


def on_white(image: Image.Image) -> Image.Image:
    """Puts an image with transparent pixels on white: grey (L), RGB, or of a palette without transparency.

    To the bit as Image.alpha_composite does, but in fewer passes and without the interpreter's lock.
    """
    if image.mode == "P" and image.palette is not None and image.palette.mode == "RGB":  # 256 colours, not all pixels
        colours = Image.frombytes("P", (256, 1), bytes(range(256)))
        colours.putpalette(image.getpalette("RGB") or [])
        colours.info["transparency"] = image.info["transparency"]
        image = image.copy()
        image.putpalette(on_white(colours.convert("RGBA")).tobytes())
        del image.info["transparency"]
        return image
    if image.mode == "LA":
        pixels, mask = image.split()
    else:
        pixels = mask = in_mode(image, "RGBA")
    white = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
    white.paste(pixels, mask=mask)
    return white


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Converts an image, without a copy of one that is in that mode already."""
    return image if image.mode == mode else image.convert(mode)


def scale_levels(image: ImageFile) -> None:
    """Brings the transparent level of a PNG, which is of the file's depth, to the 8 bits of the pixels."""
    level, depth = image.info.get("transparency"), image.tile[0][3] if image.format == "PNG" and image.tile else None
    if level is not None and depth in ("L;2", "L;4"):
        image.info["transparency"] = level * (85 if depth == "L;2" else 17)  # 3 * 85 = 15 * 17 = 255
    elif level is not None and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in level)
