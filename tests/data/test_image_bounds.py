import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from resnet_tf.data.image_bounds import (
    TooManyPixelsError,
    require_bounded,
    require_directories,
)
from resnet_tf.data.image_file import read_image
from resnet_tf.errors import DataError

SHORT, LONG, BYTES = 3, 4, 7
BASE = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1}
PIXELS = 100_000_000


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras."""


def tiff(*entries, data: bytes = b"", big: bool = False) -> bytes:
    """Returns a TIFF of 16x16 pixels with additional (tag, type, count, value)."""
    entries = [(tag, SHORT, 1, value) for tag, value in BASE.items()] + list(entries)
    number, head = ("Q", b"II+\0\x08\0\0\0") if big else ("I", b"II*\0")
    start = struct.pack(f"<{number}", 16 if big else 8)
    count = struct.pack("<Q" if big else "<H", len(entries))
    table = (struct.pack(f"<HH2{number}", *entry) for entry in entries)
    return head + start + count + b"".join(table) + bytes(8) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(part: bytes) -> bytes:
    """Returns a PNG of one gray pixel with an additional part."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0\x07")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + part + body


def refused(tmp_path, content: bytes, suffix: str = ".tif") -> str:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_image(path, 8)
    return str(caught.value).removeprefix(f"{path} ")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    "entries",
    [
        [(322, LONG, 1, 40_000), (323, LONG, 1, 40_000)],
        [(322, LONG, 1, 100_000_000), (323, LONG, 1, 16)],
        [(322, LONG, 1, 40_000), (323, LONG, 1, 40_000), (322, LONG, 1, 16)],
        [(278, LONG, 1, 2**31), (279, LONG, 1, 9)],
    ],
)
def test_a_huge_tile_or_strip_is_refused_before_decoding(
    tmp_path, monkeypatch, entries, big
):
    monkeypatch.setattr(Image, "open", None)
    expected = f"must have at most {PIXELS} pixels"
    assert refused(tmp_path, tiff(*entries, big=big)) == expected


def test_a_tile_can_be_larger_than_the_image(tmp_path):
    offset = 8 + 2 + 12 * 10 + 8
    entries = [(322, LONG, 1, 256), (323, LONG, 1, 256), (324, LONG, 1, offset)]
    tile = zlib.compress(bytes([77]) * 256 * 256)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(*entries, (325, LONG, 1, len(tile)), data=tile))
    assert (read_image(path, 8) == 77).all()
    with open(path, "rb") as file:
        require_bounded(file, 256 * 256)
        assert file.tell() == 0
        with pytest.raises(TooManyPixelsError, match="256 x 256"):
            require_bounded(file, 256 * 256 - 1)


def test_one_strip_of_all_rows_is_read(tmp_path):
    path = tmp_path / "x.tif"
    image = Image.fromarray(np.full((16, 16), 9, np.uint8))
    for options in ({}, {"compression": "tiff_lzw", "tiffinfo": {278: 2**32 - 1}}):
        image.save(path, **options)
        assert (read_image(path, 8) == 9).all()


def many_tags(count: int, size: int) -> bytes:
    """Returns a TIFF in which all tags refer to the same bytes."""
    return tiff(*((1000 + n, BYTES, size, 64) for n in range(count)), data=bytes(size))


def test_tags_that_share_their_bytes_are_refused(tmp_path, monkeypatch):
    bomb = many_tags(5_000, 50_000)
    message = "cannot be read: its tags claim more bytes than the file has"
    picture = Image.fromarray(np.zeros((8, 8), np.uint8))
    text = f"\nexif\n{len(bomb):8}\n{bomb.hex()}\n".encode()
    profile = b"Raw profile type exif\0\0" + zlib.compress(text)
    files = {
        ".tif": bomb,
        ".png": png(chunk(b"eXIf", bomb)),
        ".PNG": png(chunk(b"zTXt", profile)),
    }
    for marker, prefix in ((0xE1, b"Exif\0\0"), (0xE2, b"MPF\0")):
        part = prefix + many_tags(2_000, 30_000)
        segment = struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part
        stream = io.BytesIO()
        picture.save(stream, "jpeg")
        files[f".{marker}.jpg"] = b"\xff\xd8" + segment + stream.getvalue()[2:]
    monkeypatch.setattr(Image.Image, "getexif", None)
    for suffix, content in files.items():
        assert refused(tmp_path, content, suffix) == message


def test_directories_in_a_circle_end():
    block = tiff((34665, LONG, 1, 8))
    with pytest.raises(ValueError, match="claim more bytes"):
        require_directories(io.BytesIO(block), PIXELS)


def test_a_damaged_tag_does_not_lose_the_photograph(tmp_path):
    exif = tiff((0x9000, BYTES, 10**9, 10), (0x9001, BYTES, 4_000, 10**9))
    picture = Image.fromarray(np.full((8, 8), 200, np.uint8))
    picture.save(tmp_path / "x.png", exif=b"Exif\0\0" + exif)
    assert (read_image(tmp_path / "x.png", 8) == 200).all()


def test_a_jpeg_with_too_many_parts(tmp_path, monkeypatch):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(
        stream, "jpeg", progressive=True
    )
    whole = stream.getvalue()
    start = whole.index(b"\xff\xda")
    scan = whole[start:-2]
    message = "cannot be read: it must have at most 100 scans and 1000 segments"
    assert refused(tmp_path, whole[:-2] + scan * 100 + whole[-2:], ".jpg") == message
    comments = b"\xff\xfe\x00\x02" * 1000
    assert refused(tmp_path, whole[:2] + comments + whole[2:], ".jpg") == message


def test_a_file_with_too_many_bytes(tmp_path):
    path = tmp_path / "x.webp"
    path.write_bytes(b"RIFF\0\0\0\0WEBP")
    with open(path, "r+b") as file:
        file.truncate(30 << 30)  # sparse: takes no disk space
    with pytest.raises(DataError, match="at most 1,073,741,824 bytes, it has 32,212"):
        read_image(path, 8)


def test_compressed_text_and_profiles_stay_bounded(tmp_path):
    bomb = zlib.compress(bytes(20_000_000), 9)
    path = tmp_path / "x.png"
    for kind in (b"zTXt", b"iCCP"):
        path.write_bytes(png(chunk(kind, b"name\0\0" + bomb)))
        try:
            assert (read_image(path, 8) == 7).all()
        except DataError as error:
            assert "Decompressed" in str(error)
