"""Standard output and error: they never fail, and show only what can be shown.

A stream may be closed, full, of a narrow encoding, or a pipe whose reader has ended.
None of this may break off the work of a process, or be taken for a fault of a file.
"""

import errno
import io
import os
import re
import sys

_STREAMS = {1: "stdout", 2: "stderr"}
# Single writes that move the cursor: the ends of printed lines.
_ENDS = ("\n", "\r")
_BREAKS = re.compile(r"\s*[\r\n]\s*")


def visible(text: str) -> str:
    """Returns text in which characters that move a cursor, change colors or cannot
    be encoded are escaped. Line ends and tabs are escaped too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def error_line(message: str) -> str:
    """Returns the line on stderr for an error."""
    # Only breaks are joined: a path in the message may have two spaces.
    return f"error: {visible(_BREAKS.sub(' ', message.strip()))}"


class Terminal(str):
    """Text with control sequences of this package, for `sys.stdout.write`."""


class _Raw(io.FileIO):
    """A file descriptor; after its first failure, it drops what is written.

    Attributes:
        error: The first failure, or None.
    """

    error: OSError | None = None

    def write(self, data) -> int:
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return len(memoryview(data).cast("B"))


class _Text(io.TextIOWrapper):
    """A text stream that escapes control characters, except line ends and tabs."""

    def write(self, text: str) -> int:
        if not (text.isprintable() or text in _ENDS or isinstance(text, Terminal)):
            text = "".join(c if c in "\n\t" else visible(c) for c in text)
        return super().write(text)


def prepare() -> None:
    """Puts streams that cannot fail in the place of stdout and stderr.

    A closed descriptor is opened on the null device: otherwise the next file that is
    opened would get its number, and what libraries print would go into that file.
    Streams that something else has replaced, as tests do, stay.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    for descriptor, name in _STREAMS.items():
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and not isinstance(stream, _Text):
            setattr(sys, name, _safe(descriptor, stream))


def _safe(descriptor: int, stream: io.TextIOWrapper | None) -> _Text:
    raw = _Raw(descriptor, "w", closefd=False)
    return _Text(
        io.BufferedWriter(raw),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )


def failure(name: str = "stdout") -> OSError | None:
    """Returns why a stream of `prepare` drops what is written, or None."""
    stream = getattr(sys, name)
    if not isinstance(stream, _Text):
        return None
    stream.flush()
    return stream.buffer.raw.error


def reader_is_gone() -> bool:
    """Tells whether stdout is a pipe whose reader, such as `head`, has ended."""
    error = failure()
    return error is not None and error.errno == errno.EPIPE
