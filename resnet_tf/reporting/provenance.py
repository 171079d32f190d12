"""Records the origin of a figure: command, code, versions and machine."""

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

# Environment variables that TensorFlow reads at start-up and that affect its speed.
_SETTINGS = (
    "ONEDNN_MAX_CPU_ISA",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
_PACKAGES = ("resnet_tf", "tensorflow", "keras", "numpy")

# The start of a path: absolute, or relative to "~", "." or "..".
_BEGINNING = r"(?:~[\w.-]*|\.\.?)?/"
# The characters that can precede a path in a text; the "//" of a URL is not a path.
_BEFORE = r"""[\s'"`(\[<=:,]"""
# A character of a folder's name; it ends at another path or at a closing quote.
_CHARACTER = rf"""(?:(?!{_BEFORE}{_BEGINNING})(?:[^'"/\n]|(?<=\w)'(?=\w)))"""
_FOLDERS = re.compile(
    rf"""(?<![^\s'"`(\[<=:,])(?<!:(?=//)){_BEGINNING}(?:{_CHARACTER}*/)*(?=[^\s'"/])"""
)
# A text that is a single path, optionally the value of a flag.
_WHOLE = re.compile(rf"""(--?[\w-]+=)?{_BEGINNING}(?:(?!:\s)[^"(,\n])*""")


def provenance() -> dict[str, Any]:
    """Returns `versions`, `commit` and `machine` for a JSON file.

    `commit` is the commit of the clone that contains the package, followed by "-dirty"
    if a tracked file differs; it is None for an installed package.
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
    # Tags are excluded: the output is the commit itself.
    command = ["git", "-C", str(clone), "describe", "--exclude=*"]
    command += ["--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def without_folders(text: str | Path) -> str:
    """Returns a text with each path reduced to its file name.

    A path is absolute or starts with ".", ".." or "~". Its folders can have spaces in
    their names.

    Args:
        text: Text, e.g. "/opt/lib/libx.so: no such file".
    """
    text = str(text)
    if whole := _WHOLE.fullmatch(text):
        flag, path = whole[1] or "", text[len(whole[1] or "") :]
        start = path.rstrip("/").rfind("/") + 1
        return flag + path[start:]
    return _FOLDERS.sub("", text)


def command_line(program: str, arguments: Iterable[str]) -> str:
    """Returns a command line for a record, quoted for a shell.

    Args:
        program: Program, e.g. "python eval.py".
        arguments: Arguments of the process; paths are reduced to their file names.
    """
    words = (shlex.quote(without_folders(each)) for each in arguments)
    return " ".join([program, *words])
