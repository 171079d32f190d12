"""Where a number came from: command, code, versions and machine."""

import os
import platform
import re
import shlex
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from resnet_tf.machine import cpu_name

# What TensorFlow reads at its start and what moves its speed.
_SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
_PACKAGES = ("resnet_tf", "tensorflow", "keras", "numpy")

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


def provenance() -> dict[str, Any]:
    """Returns `versions`, `commit` and `machine` for a JSON file.

    `commit` is that of the clone which the package lies in, with "-dirty" behind
    it when a tracked file differs, or None for an installed package.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    machine = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "settings": {k: os.environ[k] for k in _SETTINGS if k in os.environ},
    }
    return {"versions": versions, "commit": _commit(), "machine": machine}


def _commit() -> str | None:
    clone = Path(__file__).resolve().parents[2]
    if not (clone / ".git").exists():
        return None
    # Tags are passed over: the answer is the commit itself.
    command = ["git", "-C", str(clone), "describe", "--exclude=*"]
    command += ["--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


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
