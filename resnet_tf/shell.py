"""Quotes paths for commands that the user can paste into a shell."""

import os
import re
import shlex

# Bytes that are escaped between `$'` and `'`.
_OTHERS = re.compile(rb"[^\w ./=:,@%+-]")


def word(text: str | os.PathLike[str]) -> str:
    """Returns a path quoted as one word of a command.

    A path that starts with a dash gets "./" in front, so that it is not read as an
    option.

    Args:
        text: Path with any characters. Unprintable ones are escaped as bash and zsh
            read them, e.g. `$'\\x1b'`.
    """
    text = os.fspath(text)
    if text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    escaped = _OTHERS.sub(lambda found: b"\\x%02x" % ord(found[0]), os.fsencode(text))
    return f"$'{escaped.decode('ascii')}'"
