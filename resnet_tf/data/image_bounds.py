"""Limits on the sizes that an image file claims, checked before decoding.

Decoders allocate the memory that the file claims: a TIFF of 16x16 pixels can claim a
tile of 40,000x40,000, and thousands of tags can refer to the same bytes. The checks
read a few bytes of headers; their memory and time depend only on the size of the file.
"""

import io
import mmap
import os
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

MAX_BYTES = 1 << 30
_MAX_SCANS, _MAX_SEGMENTS = 100, 1000
_SMALL = 65_536  # bytes

# Bytes of a value by the type of its TIFF tag; decoders skip other types.
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}
_TYPE_BYTES |= {11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WIDTH, _HEIGHT, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 322, 323
_SIDES = {_WIDTH, _HEIGHT, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT}
_ONE_STRIP = 2**32 - 1
# Tags that point to further directories: EXIF, GPS and interoperability.
_DIRECTORIES = {34665, 34853, 40965}

# A zero after 0xff marks image data; 0xd0 to 0xd7 can occur within a scan.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE, _EXIF, _PICTURES = 0xDA, 0xD9, 0xE1, 0xE2


class TooManyPixelsError(ValueError):
    """An image, or one of its tiles or strips, has too many pixels."""


def require_bounded(file: BinaryIO, max_pixels: int) -> None:
    """Raises an error if decoding a file could take too much memory or time.

    Args:
        file: An image file of any format, open for reading; its position is reset to 0.
        max_pixels: Maximum number of pixels of an image, a tile or a strip.

    Raises:
        TooManyPixelsError: If an image, tile or strip of a TIFF is larger.
        ValueError: If the file is too large or its parts claim too much.
    """
    size = os.fstat(file.fileno()).st_size
    if size > MAX_BYTES:
        raise ValueError(f"it must have at most {MAX_BYTES:,} bytes, it has {size:,}")
    head = file.read(3)
    if head[:2] in (b"II", b"MM"):
        require_directories(file, max_pixels)
    elif head == b"\xff\xd8\xff":
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _require_jpeg(content, max_pixels)
    file.seek(0)


def require_directories(file: BinaryIO, max_pixels: int) -> None:
    """Raises an error if the tags of a TIFF or of EXIF claim too much.

    The values of an intact file hardly overlap, so together they are about as large as
    the file. In a damaged file they can be a few times as large.

    Args:
        file: A TIFF file, or an EXIF block without its prefix.
        max_pixels: Maximum number of pixels of the image, a tile or a strip.

    Raises:
        TooManyPixelsError: If the image, a tile or a strip is larger.
        ValueError: If the values together are much larger than the file.
    """
    size = file.seek(0, os.SEEK_END)
    left = 4 * size + _SMALL
    file.seek(0)
    head = file.read(16)
    if head[:4] == b"MM\0+":
        raise ValueError("a BigTIFF must have its numbers in little-endian order")
    order, big = "<" if head[:2] == b"II" else ">", head[2:3] == b"+"
    start = head[8:16] if big else head[4:8]
    first = _number(start, order)
    sides = dict.fromkeys(_SIDES, 0)
    pending = [first]
    while pending:
        place = pending.pop()
        for tag, length, number in _entries(file, place, order, big, size):
            left -= length
            if left < 0:
                raise ValueError("its tags claim more bytes than the file has")
            if tag in _DIRECTORIES:
                pending.append(number)
            elif tag in _SIDES and place == first:
                # If a tag is repeated, decoders differ in the value they use.
                sides[tag] = max(sides[tag], number)
    _require_sides(sides, max_pixels)


def _entries(
    file: BinaryIO, place: int, order: str, big: bool, end: int
) -> Iterator[tuple[int, int, int]]:
    """Yields (tag, number of bytes read for it, number stored in it)."""
    file.seek(place)
    width = 8 if big else 2
    count = _number(file.read(width), order)
    size = 20 if big else 12
    middle = 4 + (size - 4) // 2
    for index in range(count):
        file.seek(place + width + size * index)
        entry = file.read(size)
        if len(entry) < size:
            return
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        unit = _TYPE_BYTES.get(kind, 0)
        length = unit * _number(entry[4:middle], order)
        if length <= size - middle:
            yield tag, size, _number(entry[middle : middle + unit], order)
        else:
            start = _number(entry[middle:], order)
            yield tag, size + max(min(length, end - start), 0), start


def _number(content: bytes, order: str) -> int:
    return int.from_bytes(content, "little" if order == "<" else "big")


def _require_sides(sides: dict[int, int], max_pixels: int) -> None:
    strip = sides[_STRIP_ROWS] * (sides[_STRIP_ROWS] != _ONE_STRIP)
    width = max(sides[_WIDTH], sides[_TILE_WIDTH])
    height = max(sides[_HEIGHT], sides[_TILE_HEIGHT], strip)
    if width * height > max_pixels:
        raise TooManyPixelsError(f"{width} x {height} pixels")


def _require_jpeg(content: mmap.mmap, max_pixels: int) -> None:
    """Raises an error if a JPEG has too many parts or its EXIF claims too much."""
    exif, pictures, scans, segments, place = [], b"", 0, 0, 2
    while match := _JPEG_MARKER.search(content, place):
        marker, place = match[1][0], match.end()
        if marker == _END_OF_IMAGE:
            break
        length = int.from_bytes(content[place : place + 2], "big")
        part = content[place + 2 : place + length]
        place += length
        segments += 1
        scans += marker == _START_OF_SCAN
        if segments > _MAX_SEGMENTS or scans > _MAX_SCANS:
            raise ValueError(
                f"it must have at most {_MAX_SCANS} scans and {_MAX_SEGMENTS} segments"
            )
        if marker == _EXIF and part.startswith(b"Exif\0\0"):
            exif.append(part[6:])
        elif marker == _PICTURES and part.startswith(b"MPF\0"):
            pictures = part[4:]
    for block in (b"".join(exif), pictures):
        require_directories(io.BytesIO(block), max_pixels)
