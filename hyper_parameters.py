"""The command line: one absl flag a setting, derived from `resnet_tf.config`."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from absl import app, flags, logging

from resnet_tf.cli.outcome import USAGE, fail, guarded
from resnet_tf.cli.settings import experiment, numbers
from resnet_tf.config import (
    DEFAULT_RECIPE,
    RECIPES,
    ExperimentConfig,
    FieldSpec,
    iter_settings,
)


class _Numbers(flags.ArgumentParser):
    """Parses '0.49,0.48,0.45'."""

    syntactic_help = "numbers separated by commas"

    def parse(self, argument: Any) -> tuple[float, ...]:
        if isinstance(argument, str):
            return numbers(argument)
        return tuple(argument)


def define_settings(names: set[str] | None = None, flag_values=flags.FLAGS) -> None:
    """Defines a flag for each setting, or for those in `names`."""
    defaults = {spec.name: spec.default for spec in iter_settings()}
    defaults |= RECIPES[DEFAULT_RECIPE]
    for spec in iter_settings():
        if names is None or spec.name in names:
            _define(spec, defaults[spec.name], flag_values)


def define_recipe(flag_values=flags.FLAGS) -> None:
    """Defines `--recipe`."""
    flags.DEFINE_enum(
        "recipe",
        DEFAULT_RECIPE,
        list(RECIPES),
        "Named set of settings to start from; an explicit flag wins over it.",
        flag_values=flag_values,
    )


def explicit_settings(flag_values=flags.FLAGS) -> dict[str, Any]:
    """Returns the settings that stand on the command line, checked one by one.

    Raises:
        SettingError: If a value is out of its range.
    """
    return {
        spec.name: spec.check(flag_values[spec.name].value)
        for spec in iter_settings()
        if spec.name in flag_values and flag_values[spec.name].present
    }


def config_from_flags(flag_values=flags.FLAGS) -> ExperimentConfig:
    """Returns the recipe with the explicit flags on top.

    Raises:
        DataError: If a folder of images cannot be listed.
        SettingError: If a value is wrong or belongs to another network family.
    """
    return experiment(explicit_settings(flag_values), flag_values.recipe)


def run(main: Callable[[], None], stopped: str = "stopped") -> None:
    """Parses the flags, calls `main` and exits with the code of the outcome.

    What the user can mend is one line on stderr, without a traceback; `stopped`
    is the line after Ctrl-C or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # TensorFlow reads this when it is imported: only what it cannot go on from.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    app.run(lambda argv: guarded(main, stopped), flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    try:
        rest = flags.FLAGS(argv)[1:]
    except (flags.Error, ValueError) as error:
        fail(str(error), USAGE)
    except SystemExit:  # absl leaves --help with exit code 1
        sys.exit(0)
    if rest:
        fail(f"no argument is expected beside flags, received {rest[0]!r}", USAGE)
    return argv[:1]


def _define(spec: FieldSpec, default: Any, flag_values) -> None:
    text = spec.help + (f" [{', '.join(spec.families)}]" if spec.families else "")
    options = {"flag_values": flag_values}
    if spec.choices:
        flags.DEFINE_enum(spec.name, default, list(spec.choices), text, **options)
    elif spec.type is tuple:
        flags.DEFINE(_Numbers(), spec.name, default, text, **options)
    else:
        kind = {bool: "boolean", int: "integer", float: "float", str: "string"}
        define = getattr(flags, f"DEFINE_{kind[spec.type]}")
        define(spec.name, default, text, **options)
