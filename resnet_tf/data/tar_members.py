"""The members of a tar stream, with bounded headers.

Python's `tarfile` parses extended headers of any size, some in quadratic time
(CVE-2024-6232). This module skips them: the members that the package reads have short
names and plain sizes.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_BLOCK = tarfile.BLOCKSIZE
_MAX_EXTENDED = 8192  # bytes
_MAX_HEADERS = 200
_EXTENDED = {
    tarfile.XHDTYPE: "pax",
    tarfile.XGLTYPE: "pax",
    tarfile.SOLARIS_XHDTYPE: "pax",
    tarfile.GNUTYPE_LONGNAME: "GNU",
    tarfile.GNUTYPE_LONGLINK: "GNU",
}

# Members of these types have no content, even if their header states a size.
_EMPTY = {
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
}


class TarError(ValueError):
    """A tar stream is damaged, or its headers are too large or too many."""


class Readable(Protocol):
    """A stream whose `read` returns `size` bytes, or fewer at its end."""

    def read(self, size: int) -> bytes: ...


@dataclass(frozen=True)
class Member:
    """A member as described by its own header.

    Attributes:
        name: Path in the archive.
        size: Size in bytes; 0 for a link, a folder or a device.
        regular: Whether the member is a regular file.
    """

    name: str
    size: int
    regular: bool


def members(stream: Readable) -> Iterator[tuple[Member, "Content"]]:
    """Yields each member with its content, which is skipped if not read.

    Raises:
        TarError: If the archive is damaged or has too many or too large headers.
    """
    for count in range(_MAX_HEADERS):
        block = stream.read(_BLOCK)
        if block == bytes(_BLOCK) or (count and not block):
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise TarError(f"damaged header: {error}") from None
        if header.size < 0:
            raise TarError(f"damaged header: size {header.size}")
        kind = _EXTENDED.get(header.type)
        if kind and header.size > _MAX_EXTENDED:
            raise TarError(
                f"a {kind} header must have at most {_MAX_EXTENDED} bytes, it has "
                f"{header.size}"
            )
        plain = header.isreg() and header.type != tarfile.GNUTYPE_SPARSE
        size = 0 if header.type in _EMPTY else header.size
        content = Content(stream, size)
        if not kind:
            yield Member(header.name, size, plain), content
        content.skip()
    raise TarError(f"it has over {_MAX_HEADERS} headers")


class Content:
    """The bytes of a member, which can be read once.

    Args:
        stream: The stream, positioned at the content.
        size: Number of bytes.
    """

    def __init__(self, stream: Readable, size: int):
        self._stream, self._size = stream, size
        self._left = -(-size // _BLOCK) * _BLOCK

    def read(self) -> bytes:
        """Returns all bytes.

        Raises:
            TarError: If the stream ends early.
        """
        content = self._take(self._left)
        return content[: self._size]

    def skip(self) -> None:
        """Skips the bytes that were not read.

        Raises:
            TarError: If the stream ends early.
        """
        while self._left:
            self._take(min(self._left, 1 << 20))

    def _take(self, size: int) -> bytes:
        content = self._stream.read(size)
        if len(content) != size:
            raise TarError("unexpected end of data")
        self._left -= size
        return content
