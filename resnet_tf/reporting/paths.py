"""What a record tells of the paths on this machine: their names, no folders."""

import re
from collections.abc import Iterable
from pathlib import Path

# The folders of an absolute path, or of one from here, from above or from home.
_FOLDERS = re.compile(
    r"""(?<![^\s'"`(\[<=:,])(?:~|\.\.?)?/(?:[^\s'"/]+/)*(?=[^\s'"/])"""
)


def without_folders(text: str | Path) -> str:
    """Returns a text in which nothing but the name is left of each path.

    A path counts that is absolute or begins with ".", ".." or "~".

    Args:
        text: Such as "/opt/lib/libx.so: no such file".
    """
    return _FOLDERS.sub("", str(text))


def command_line(program: str, arguments: Iterable[str]) -> str:
    """Returns the command that was given, as a record has it.

    Args:
        program: Such as "python eval.py".
        arguments: Those of the process; paths in them lose their folders.
    """
    return " ".join([program, *map(without_folders, arguments)])
