"""The names that a record gives paths on this machine, without their folders."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

# How a path begins that is absolute, or from home, from here or from above.
_BEGINNING = r"(?:~[\w.-]*|\.\.?)?/"
# What may stand before a path in a text; a URL's "//" begins none.
_BEFORE = r"""[\s'"`(\[<=:,]"""
# A character of a folder's name: another path or the end of a quotation is none.
_CHARACTER = rf"""(?:(?!{_BEFORE}{_BEGINNING})(?:[^'"/\n]|(?<=\w)'(?=\w)))"""
_FOLDERS = re.compile(
    rf"""(?<![^\s'"`(\[<=:,])(?<!:(?=//)){_BEGINNING}(?:{_CHARACTER}*/)*(?=[^\s'"/])"""
)
# A text that is one path, perhaps the value of a flag.
_WHOLE = re.compile(rf"""(--?[\w-]+=)?{_BEGINNING}(?:(?!:\s)[^"(,\n])*""")


def without_folders(text: str | Path) -> str:
    """Returns a text in which nothing but the name is left of each path.

    A path counts that is absolute or begins with ".", ".." or "~". Folders may have
    spaces in their names.

    Args:
        text: Such as "/opt/lib/libx.so: no such file".
    """
    text = str(text)
    if whole := _WHOLE.fullmatch(text):
        flag, path = whole[1] or "", text[len(whole[1] or "") :]
        start = path.rstrip("/").rfind("/") + 1
        return flag + path[start:]
    return _FOLDERS.sub("", text)


def command_line(program: str, arguments: Iterable[str]) -> str:
    """Returns the command that was given, as a record has it, quoted for a shell.

    Args:
        program: Such as "python eval.py".
        arguments: Those of the process; paths in them lose their folders.
    """
    words = (shlex.quote(without_folders(each)) for each in arguments)
    return " ".join([program, *words])
