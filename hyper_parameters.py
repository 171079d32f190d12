"""The scripts' command line: one absl flag for each argument of a command."""

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from absl import flags, logging

from resnet_tf.cli.command import USAGE, fail, guarded
from resnet_tf.cli.settings import boolean, shown_default

_HELP = {"--help", "-help", "-h", "-?", "--helpshort", "--helpfull"}
_DEFINE = {
    None: flags.DEFINE_string,
    boolean: flags.DEFINE_boolean,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    str: flags.DEFINE_string,
}


class _Parsed(flags.ArgumentParser):
    """Parses a flag with the command's own parsing function, e.g. '0.49,0.48,0.45'."""

    syntactic_help = "numbers separated by commas"

    def __init__(self, parse):
        super().__init__()
        self._parse = parse

    def parse(self, argument: Any) -> Any:
        return self._parse(argument) if isinstance(argument, str) else argument


def define(command: ModuleType, values: flags.FlagValues) -> None:
    """Defines a flag for each argument of a command.

    Args:
        command: A module of `resnet_tf.cli`.
        values: Empty flag values, to which the flags are added.
    """
    for action in _actions(command):
        name, text = action.dest, action.help.replace("%%", "%")
        options = {"flag_values": values, "required": action.required}
        default = shown_default(action)
        if action.choices:
            flags.DEFINE_enum(name, default, list(action.choices), text, **options)
        elif action.type in _DEFINE:
            _DEFINE[action.type](name, default, text, **options)
        else:
            flags.DEFINE(_Parsed(action.type), name, default, text, **options)


def namespace(command: ModuleType, values: flags.FlagValues) -> argparse.Namespace:
    """Returns the parsed flags as the arguments of a command.

    The result has no attribute for a setting that was not given.
    """
    return argparse.Namespace(
        **{
            action.dest: values[action.dest].value
            for action in _actions(command)
            if action.default != argparse.SUPPRESS or values[action.dest].present
        }
    )


def run(command: ModuleType, argv: Sequence[str] | None = None) -> None:
    """Parses the flags and runs a command; reports errors the user can fix in one line.

    Args:
        command: A module of `resnet_tf.cli`.
        argv: Arguments without the program name; the process's arguments if None.
    """
    # TensorFlow reads this on import; 3 shows only fatal errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    values = flags.FlagValues()
    define(command, values)
    argv = sys.argv[1:] if argv is None else argv
    guarded(lambda: command.run(_parsed(command, values, argv)))


def _parsed(
    command: ModuleType, values: flags.FlagValues, argv: Sequence[str]
) -> argparse.Namespace:
    if not _HELP.isdisjoint(argv):
        usage = f"{command.__doc__ or ''}\n\n{command.EXAMPLES}\n"
        print(f"{usage}\nflags:\n{values.get_help('', False)}", flush=True)
        sys.exit(0)
    try:
        rest = values([sys.argv[0], *argv])[1:]
    except (flags.Error, ValueError) as error:
        fail(str(error), USAGE)
    if rest:
        fail(f"no argument is expected besides flags, received {rest[0]!r}", USAGE)
    return namespace(command, values)


def _actions(command: ModuleType) -> list[argparse.Action]:
    """Returns the arguments of a command, each once."""
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    # A boolean has a second argument that clears it; absl adds "--no" by itself.
    return [a for a in parser._actions if not isinstance(a, argparse._StoreFalseAction)]
