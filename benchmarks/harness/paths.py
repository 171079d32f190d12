"""What a record tells of this machine: no folders."""

import re
from collections.abc import Sequence

# The folders of an absolute path, or of one from here, from above or from home.
_FOLDERS = re.compile(
    r"""(?<![^\s'"`(\[<=:,])(?:~|\.\.?)?/(?:[^\s'"/]+/)*(?=[^\s'"/])"""
)
_PYTHON = re.compile(r"-?-peer_python(=|$)")


def without_folders(text: str) -> str:
    """Returns a text in which nothing but the name is left of each path.

    A path counts that is absolute or begins with ".", ".." or "~".

    Args:
        text: Such as "/opt/lib/libx.so: no such file".
    """
    return _FOLDERS.sub("", text)


def command(script: str, arguments: Sequence[str]) -> str:
    """Returns the command that was given, as a record has it.

    Args:
        script: Path from the root.
        arguments: Those of the process, of which the value of `--peer_python` is
            written as PATH, and any other path without its folders.
    """
    words = [script]
    is_value = False
    for argument in arguments:
        if match := _PYTHON.match(argument):
            words.append("--peer_python=PATH")
        elif not is_value:
            words.append(without_folders(argument))
        is_value = bool(match) and not match[1]
    return " ".join(words)
