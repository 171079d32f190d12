"""The command line: one absl flag a setting, derived from `resnet_tf.config`."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags, logging

from resnet_tf.cli.command import USAGE, fail, guarded
from resnet_tf.cli.settings import experiment, numbers
from resnet_tf.config import (
    DEFAULT_RECIPE,
    RECIPES,
    ExperimentConfig,
    FieldSpec,
    iter_settings,
)

_HELP = {"--help", "-help", "-h", "-?", "--helpshort", "--helpfull"}


class _Numbers(flags.ArgumentParser):
    """Parses '0.49,0.48,0.45'."""

    syntactic_help = "numbers separated by commas"

    def parse(self, argument: Any) -> tuple[float, ...]:
        return numbers(argument) if isinstance(argument, str) else tuple(argument)


def define_settings(values: flags.FlagValues, names: set[str] | None = None) -> None:
    """Defines a flag for each setting, or for those in `names`."""
    defaults = {spec.name: spec.default for spec in iter_settings()}
    defaults |= RECIPES[DEFAULT_RECIPE]
    for spec in iter_settings():
        if names is None or spec.name in names:
            _define(spec, defaults[spec.name], values)


def define_recipe(values: flags.FlagValues) -> None:
    """Defines `--recipe`."""
    text = "Named set of settings to start from; an explicit flag wins over it."
    flags.DEFINE_enum("recipe", DEFAULT_RECIPE, list(RECIPES), text, flag_values=values)


def explicit_settings(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the settings that stand on the command line, checked one by one.

    Raises:
        SettingError: If a value is out of its range.
    """
    return {
        spec.name: spec.check(values[spec.name].value)
        for spec in iter_settings()
        if spec.name in values and values[spec.name].present
    }


def config_from_flags(values: flags.FlagValues) -> ExperimentConfig:
    """Returns the recipe with the explicit flags on top.

    Raises:
        DataError: If a folder of images cannot be listed.
        SettingError: If a value is wrong or belongs to another network family.
    """
    run_dir = values["run_dir"].value if "run_dir" in values else None
    return experiment(explicit_settings(values), values.recipe, run_dir)


def run(
    main: Callable[[flags.FlagValues], None],
    define: Callable[[flags.FlagValues], None],
    usage: str | None,
    argv: Sequence[str] | None = None,
    stopped: str = "stopped",
) -> None:
    """Parses the flags and calls `main`; what the user can fix ends in one line.

    Args:
        main: The script.
        define: Defines its flags.
        usage: What `--help` says above the flags; None in `python -OO`.
        argv: Arguments; those of the process if None.
        stopped: The line after Ctrl-C or SIGTERM.
    """
    # TensorFlow reads this when it is imported: only what it cannot go on from.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    values = flags.FlagValues()
    define(values)
    argv = sys.argv[1:] if argv is None else argv
    guarded(lambda: main(_parsed(values, usage, argv)), stopped)


def _parsed(values: flags.FlagValues, usage: str | None, argv: Sequence[str]):
    if not _HELP.isdisjoint(argv):
        print(f"{usage or ''}\nflags:\n{values.get_help('', False)}", flush=True)
        sys.exit(0)
    try:
        rest = values([sys.argv[0], *argv])[1:]
    except (flags.Error, ValueError) as error:
        fail(str(error), USAGE)
    if rest:
        fail(f"no argument is expected beside flags, received {rest[0]!r}", USAGE)
    return values


def _define(spec: FieldSpec, default: Any, values: flags.FlagValues) -> None:
    text, options = spec.described, {"flag_values": values}
    if spec.choices:
        flags.DEFINE_enum(spec.name, default, list(spec.choices), text, **options)
    elif spec.type is tuple:
        flags.DEFINE(_Numbers(), spec.name, default, text, **options)
    else:
        kind = {bool: "boolean", int: "integer", float: "float", str: "string"}
        define = getattr(flags, f"DEFINE_{kind[spec.type]}")
        define(spec.name, default, text, **options)
