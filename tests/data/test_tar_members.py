import gzip
import io
import tarfile

import pytest

from resnet_tf.data import cifar_files
from resnet_tf.data.tar_members import Member, TarError, members
from resnet_tf.errors import DataError


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras."""


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def found(content: bytes) -> list[tuple[Member, bytes]]:
    stream = io.BytesIO(content)
    return [(member, data.read()) for member, data in members(stream)]


@pytest.mark.parametrize(
    "format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
)
def test_archives_of_tarfile_are_read(format):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in (("a", b""), ("b/c", b"x" * 512), ("d", b"y" * 700)):
            info = tarfile.TarInfo(name)
            # A fraction of a second requires a pax header.
            info.size, info.mtime = len(content), 1.5
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("e")
        link.type, link.linkname, link.size = tarfile.SYMTYPE, "a", 9
        archive.addfile(link)
    assert found(stream.getvalue()) == [
        (Member("a", 0, True), b""),
        (Member("b/c", 512, True), b"x" * 512),
        (Member("d", 700, True), b"y" * 700),
        (Member("e", 0, False), b""),
    ]


def test_unread_content_is_skipped():
    content = header(b"0", 513, "a") + bytes(1024) + header(b"0", 1, "b")
    names = [member.name for member, _ in members(io.BytesIO(content + bytes(512)))]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "name"), [(b"x", "pax"), (b"g", "pax"), (b"L", "GNU"), (b"K", "GNU")]
)
def test_a_large_extended_header_is_refused_unread(kind, name):
    stream = io.BytesIO(header(kind, 8193) + b"1" * 100_000)
    with pytest.raises(TarError, match=f"a {name} header must have at most 8192"):
        list(members(stream))
    assert stream.tell() == 512
    small = header(kind, 8192) + b"1" * 8192 + header(b"0", 0, "a") + bytes(512)
    assert [member.name for member, _ in found(small)] == ["a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged header: empty header"),
        (b"x" * 100, "damaged header: truncated header"),
        (b"x" * 512, "damaged header: invalid header"),
        (header(b"0", 600, "a") + bytes(1000), "unexpected end of data"),
        (header(b"x", 0) * 201, "it has over 200 headers"),
    ],
)
def test_a_damaged_stream(content, reason):
    with pytest.raises(TarError, match=reason):
        found(content)


def test_a_negative_size(monkeypatch):
    block = bytearray(header(b"0", 0))
    block[124:136] = b"\xff" * 12  # base 256: -1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(TarError, match="damaged header: size -1"):
        found(bytes(block) + bytes(512))


@pytest.mark.parametrize("kind", [b"x", b"g"])
def test_a_pax_header_of_digits_costs_nothing(tmp_path, monkeypatch, kind):
    digits = 1 << 20
    content = header(kind, digits) + b"1" * digits + bytes(1024)
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(content))
    monkeypatch.setattr(tarfile, "open", None)
    with pytest.raises(DataError, match="pax header must have at most 8192 bytes, it"):
        cifar_files.decode("cifar10", path, True)
