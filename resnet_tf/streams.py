"""Standard output and error streams that never fail and escape control characters.

A stream can be closed or full, have a narrow encoding, or be a pipe whose reader has
exited. None of these may stop the process or look like an error in a file.
"""

import errno
import io
import os
import re
import sys

_STREAMS = {1: "stdout", 2: "stderr"}
# The line ends that `print` writes in a separate call.
_ENDS = ("\n", "\r")
_BREAKS = re.compile(r"\s*[\r\n]\s*")


def visible(text: str) -> str:
    """Returns text with all unprintable characters escaped.

    These include line ends, tabs, terminal control characters and characters that
    cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def error_line(message: str) -> str:
    """Returns the line that reports an error on stderr."""
    # Only line breaks are replaced: a path in the message can have two spaces.
    return f"error: {visible(_BREAKS.sub(' ', message.strip()))}"


class Terminal(str):
    """Text with terminal control sequences that `sys.stdout.write` must not escape."""


class _Raw(io.FileIO):
    """A file descriptor that discards all output after its first failure.

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
    """Replaces stdout and stderr with streams that cannot fail.

    A closed descriptor is opened on the null device. Otherwise the next opened file
    would get its number, and libraries would print into that file. Streams that other
    code has already replaced, e.g. a test runner, are kept.
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
    """Returns the error after which a stream of `prepare` discards output, or None."""
    stream = getattr(sys, name)
    if not isinstance(stream, _Text):
        return None
    stream.flush()
    return stream.buffer.raw.error


def reader_is_gone() -> bool:
    """Returns whether stdout is a pipe whose reader, e.g. `head`, has exited."""
    error = failure()
    return error is not None and error.errno == errno.EPIPE
