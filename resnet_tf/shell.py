"""Words of a command that a person can paste into a shell."""

import os
import re
import shlex

# Bytes that do not stand for themselves between `$'` and `'`.
_OTHERS = re.compile(rb"[^\w ./=:,@%+-]")


def word(text: str | os.PathLike[str]) -> str:
    """Returns a path as one word of a command; a leading dash is no option.

    Args:
        text: With any characters; one that cannot be printed is written as bash and
            zsh read it, such as `$'\\x1b'`.
    """
    text = os.fspath(text)
    if text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    escaped = _OTHERS.sub(lambda found: b"\\x%02x" % ord(found[0]), os.fsencode(text))
    return f"$'{escaped.decode('ascii')}'"
