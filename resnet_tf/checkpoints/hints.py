"""Commands for the user that convert a file of another project."""

import json
import shlex
from pathlib import Path

from resnet_tf.shell import word

# The usual suffixes of PyTorch and safetensors files.
FOREIGN_SUFFIXES = (
    ".pth",
    ".pt",
    ".th",
    ".pth.tar",
    ".pt.tar",
    ".ckpt",
    ".bin",
    ".safetensors",
)


def is_foreign(name: str) -> bool:
    """Returns whether a path has the suffix of another project's weight file."""
    return name.lower().endswith(FOREIGN_SUFFIXES)


def import_command(name: str) -> str:
    """Returns the shell command that imports a file."""
    output = f"{_stem(name)}_imported"
    return f"python -m resnet_tf import {word(name)} --output={word(output)}"


def conversion(path: Path, load: str, part: str, *arguments: str) -> str:
    """Returns the shell command that writes the state dict of a pickled network.

    Args:
        path: The file.
        load: Name of PyTorch's function that reads the file.
        part: Expression that selects a part of the result, e.g. '["model"]'.
        *arguments: More arguments of `load`.
    """
    given = ", ".join([_text(path), 'map_location="cpu"', *arguments])
    saved = _text(path.with_name(f"{_stem(path.name)}_state_dict.pth"))
    code = f"torch.save({load}({given}){part}.state_dict(), {saved})"
    return f"python -c {shlex.quote(f'import torch; {code}')}"


def _stem(name: str) -> str:
    """Returns the last part of a path without its weight-file suffix."""
    base = Path(name).name
    known = [suffix for suffix in FOREIGN_SUFFIXES if base.lower().endswith(suffix)]
    longest = max(known, key=len, default=Path(base).suffix)
    return base[: len(base) - len(longest)] or "weights"


def _text(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
