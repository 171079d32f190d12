"""Formats the command of a benchmark for its record."""

import re
from collections.abc import Sequence

from resnet_tf.reporting.provenance import command_line

_PYTHON = re.compile(r"-?-peer_python(=|$)")


def command(script: str, arguments: Sequence[str]) -> str:
    """Returns the command line for a record.

    Args:
        script: Path of the script from the root.
        arguments: Arguments of the process. The value of `--peer_python` becomes PATH,
            and other paths are reduced to their file names.
    """
    kept = []
    is_value = False
    for argument in arguments:
        match = _PYTHON.match(argument)
        if match or not is_value:
            kept.append("--peer_python=PATH" if match else argument)
        is_value = bool(match) and not match[1]
    return command_line(script, kept)
