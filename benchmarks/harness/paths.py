"""The command of a benchmark, as its record has it."""

import re
from collections.abc import Sequence

from resnet_tf.reporting.provenance import command_line

_PYTHON = re.compile(r"-?-peer_python(=|$)")


def command(script: str, arguments: Sequence[str]) -> str:
    """Returns the command that was given, as a record has it.

    Args:
        script: Path from the root.
        arguments: Those of the process, of which the value of `--peer_python` is
            written as PATH, and any other path without its folders.
    """
    kept = []
    is_value = False
    for argument in arguments:
        match = _PYTHON.match(argument)
        if match or not is_value:
            kept.append("--peer_python=PATH" if match else argument)
        is_value = bool(match) and not match[1]
    return command_line(script, kept)
