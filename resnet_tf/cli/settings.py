"""The settings as arguments, derived from the fields as the flags are."""

import argparse
from collections.abc import Mapping
from typing import Any

from resnet_tf.config import (
    DEFAULT_RECIPE,
    RECIPES,
    ExperimentConfig,
    FieldSpec,
    iter_settings,
)
from resnet_tf.data.sources import dataset_info


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds `--recipe` and an argument for each setting."""
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default=DEFAULT_RECIPE,
        help="Named set of settings to start from.",
    )
    text = "Those not given are the recipe's: see python -m resnet_tf recipes NAME."
    group = parser.add_argument_group("settings", text)
    for spec in iter_settings():
        _add(group, spec)


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings that stand on the command line."""
    given = vars(arguments)
    return {s.name: given[s.name] for s in iter_settings() if s.name in given}


def experiment(values: Mapping[str, Any], recipe: str) -> ExperimentConfig:
    """Returns the recipe with `values` on top, and what only the disk knows.

    Raises:
        DataError: If a folder of images cannot be listed.
        SettingError: If a value is wrong or belongs to another network family.
    """
    info = dataset_info(values.get("dataset"), values.get("data_dir"))
    return ExperimentConfig.from_flat(values, recipe, info)


def _add(group, spec: FieldSpec) -> None:
    options: dict[str, Any] = {"dest": spec.name, "default": argparse.SUPPRESS}
    if spec.type is bool:
        group.add_argument(f"--no{spec.name}", action="store_false", **options)
        options |= {"nargs": "?", "const": True}
    group.add_argument(
        f"--{spec.name}",
        type=_PARSERS.get(spec.type, spec.type),
        choices=spec.choices or None,
        help=spec.described.replace("%", "%%"),
        **options,
    )


def numbers(text: str) -> tuple[float, ...]:
    """Returns the numbers in "0.49,0.48,0.45"."""
    return tuple(float(part) for part in text.split(","))


def boolean(text: str) -> bool:
    """Returns what "true" or "false" says."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"true or false is expected, received {text!r}")
    return text.lower() == "true"


_PARSERS = {tuple: numbers, bool: boolean}
