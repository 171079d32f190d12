"""Parses the command line and runs a command."""

import argparse
import os
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from resnet_tf.cli import (
    audit,
    bench,
    compare,
    doctor,
    eval,
    export,
    import_weights,
    landscape,
    launch,
    ledger,
    models,
    predict,
    preview,
    recipes,
    train,
    verify_resume,
)
from resnet_tf.cli.command import USAGE, fail, guarded

COMMANDS = (
    audit,
    bench,
    compare,
    doctor,
    eval,
    export,
    import_weights,
    landscape,
    launch,
    ledger,
    models,
    predict,
    preview,
    recipes,
    train,
    verify_resume,
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        fail(message, USAGE)


def _show_defaults(parser: argparse.ArgumentParser) -> None:
    """Adds the default, if any, to the help of each argument."""
    for action in parser._actions:
        switch = isinstance(action.default, bool)
        told = isinstance(action.default, int | float | str) and not switch
        if told and action.default != argparse.SUPPRESS:
            action.help += " (default: %(default)s)"


def name_of(module: ModuleType) -> str:
    """Returns the name of a module's command."""
    return getattr(module, "NAME", module.__name__.rpartition(".")[2])


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command; reports errors the user can fix in one line.

    Args:
        argv: Arguments without the program name; the process's arguments if None.
    """
    # TensorFlow reads this on import; 3 shows only fatal errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    guarded(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> None:
    parser = _Parser(prog="python -m resnet_tf", description="Tools of resnet_tf.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        name = name_of(module)
        text = (module.__doc__ or "").partition("\n")[0]  # None in python -OO
        command = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=getattr(module, "EXAMPLES", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        _show_defaults(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)
