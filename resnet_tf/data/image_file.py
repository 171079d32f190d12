"""Image files of any size and format, read as small squares."""

import io
import os
import warnings
from pathlib import Path

import numpy as np

from resnet_tf.data.image_bounds import (
    TooManyPixelsError,
    require_bounded,
    require_directories,
)
from resnet_tf.disk import open_regular
from resnet_tf.errors import DataError, MissingDataError

MAX_PIXELS = 100_000_000
# The suffixes of images; a file without a suffix is recognized by its content.
SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .bmp .gif .webp .avif .ppm .pgm .pbm "
    ".pnm .tif .tiff".split()
)

# Only these decoders are used, not the others that Pillow would try.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "AVIF", "PPM", "TIFF")
_NAMED = "PNG, JPEG, BMP, GIF, WEBP, AVIF, PPM, TIFF"
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_STARTS += (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # bytes


def read_image(path: Path, side: int) -> np.ndarray:
    """Returns the central square of an image.

    The EXIF orientation is applied, transparent pixels become black, and 16-bit grays
    are scaled to 8 bits. The largest central square is resized to `side` (bilinear,
    antialiased if it shrinks).

    Args:
        path: A regular file in one of the formats of `SUFFIXES`, whatever its name.
        side: Height and width of the result in pixels.

    Returns:
        uint8 array (side, side, 3), RGB.

    Raises:
        DataError: If it is not an image or not a regular file, is damaged, or has over
            `MAX_PIXELS` pixels.
    """
    with warnings.catch_warnings():
        # Pillow warns about unusual metadata and about sizes that `MAX_PIXELS` allows.
        warnings.simplefilter("ignore")
        return _read(path, side)


def _read(path: Path, side: int) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with open_regular(path) as file:
            require_bounded(file, MAX_PIXELS)
            with Image.open(file, formats=_formats()) as image:
                _require_image_bounded(image)
                ImageOps.exif_transpose(image, in_place=True)
                return _square(_rgb(image), side)
    except (Image.DecompressionBombError, TooManyPixelsError) as error:
        raise DataError(f"{path} must have at most {MAX_PIXELS} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path} must be an image ({_NAMED})") from error
    except Exception as error:  # each decoder raises different errors
        raise unreadable(path, error) from error


def _formats() -> list[str]:
    """Returns the names in `_FORMATS` that the installed Pillow can read."""
    from PIL import Image

    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _require_image_bounded(image) -> None:
    """Raises an error if an open image or its EXIF block is too large."""
    if image.width * image.height > MAX_PIXELS:
        raise TooManyPixelsError
    exif = image.info.get("exif", b"")
    if not exif and (text := image.info.get("Raw profile type exif")):
        exif = bytes.fromhex("".join(text.split("\n")[3:]))
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    require_directories(io.BytesIO(exif), MAX_PIXELS)


def unreadable(path: Path, error: Exception) -> DataError:
    """Returns the error for a file that cannot be read, with the reason."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
    missing = isinstance(error, FileNotFoundError)
    kind = MissingDataError if missing else DataError
    return kind(f"{path} cannot be read: {reason or type(error).__name__}")


def is_image_name(name: str) -> bool:
    """Returns whether a file name has the suffix of an image."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def is_image(path: Path) -> bool:
    """Returns whether a file is an image, by its suffix or else its first bytes.

    A file without a suffix that cannot be read is not an image.
    """
    if os.path.splitext(path.name)[1]:
        return is_image_name(path.name)
    try:
        with open_regular(path) as file:
            return _is_image_start(file.read(32))
    except OSError:
        return False


def _is_image_start(head: bytes) -> bool:
    """Returns whether the first 32 bytes of a file belong to a known format."""
    bitmap = int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return (
        head.startswith(_STARTS)
        or (head[:2] == b"BM" and bitmap)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
    )


def _rgb(image):
    """Returns an image of any mode converted to RGB."""
    from PIL import Image

    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    if image.mode == "F":
        raise ValueError("its pixels must be whole numbers")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    black = Image.new("RGB", image.size)
    black.paste(layer, mask=layer)
    return black


def _eight_bits(greys: np.ndarray) -> np.ndarray:
    """Returns 16-bit grays scaled to 8 bits, uint8 of the same shape."""
    low, high = int(greys.min()), int(greys.max())
    if low < 0 or high > 65535:
        raise ValueError(
            f"its gray values must be 0 to 65535, they are {low} to {high}"
        )
    return ((greys.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _square(image, side: int) -> np.ndarray:
    from PIL import Image

    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box))
