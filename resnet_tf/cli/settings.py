"""Turns the fields of a config into arguments of a command, and back."""

import argparse
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import CONFIG, read_config
from resnet_tf.config import (
    DATASETS,
    DEFAULT_RECIPE,
    RECIPES,
    DataConfig,
    ExperimentConfig,
    FieldSpec,
    iter_settings,
)
from resnet_tf.data.sources import dataset_info
from resnet_tf.disk import user_path
from resnet_tf.runs.folder import DATA


def add_settings(
    parser: argparse.ArgumentParser, names: Collection[str] | None = None
) -> None:
    """Adds `--recipe` and all settings as arguments, or only the settings in `names`.

    The parsed namespace has no attribute for a setting that was not given.
    """
    if names is None:
        parser.add_argument(
            "--recipe",
            choices=list(RECIPES),
            default=DEFAULT_RECIPE,
            help="Named set of settings to start from; explicit flags override it.",
        )
    text = "Defaults come from the recipe: see python -m resnet_tf recipes NAME."
    group = parser.add_argument_group("settings", text if names is None else None)
    for spec in iter_settings():
        if names is None or spec.name in names:
            _add(group, spec)


def shown_default(action: argparse.Action) -> Any:
    """Returns the default of an argument; for a setting, the default recipe's value."""
    if action.default != argparse.SUPPRESS:
        return action.default
    if action.dest in RECIPES[DEFAULT_RECIPE]:
        return RECIPES[DEFAULT_RECIPE][action.dest]
    return {spec.name: spec.default for spec in iter_settings()}[action.dest]


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings given on the command line.

    Raises:
        SettingError: If a value is out of range.
    """
    given = vars(arguments)
    return {
        spec.name: spec.check(given[spec.name])
        for spec in iter_settings()
        if spec.name in given
    }


def experiment(
    values: Mapping[str, Any], recipe: str, run_dir: str | Path | None = None
) -> ExperimentConfig:
    """Returns the config of a recipe, explicit settings and facts from the disk.

    Args:
        values: Explicit settings by name.
        recipe: A name in `RECIPES`.
        run_dir: The run folder if the user named one. An existing run keeps its split
            of a folder of images and its number of validation images.

    Raises:
        CheckpointError: If the config of the run is damaged.
        DataError: If a folder of images cannot be listed.
        SettingError: If a value is wrong or belongs to another network family.
    """
    values = {**_kept(values, run_dir), **values}
    info = dataset_info(
        values.get("dataset"),
        values.get("data_dir"),
        values.get("folder_split", DataConfig.folder_split),
    )
    return ExperimentConfig.from_flat(values, recipe, info)


def _kept(values: Mapping[str, Any], run_dir: str | Path | None) -> dict[str, Any]:
    """Returns the settings that an existing run keeps unless they are given."""
    row = DATASETS.get(values.get("dataset"))
    if run_dir is None or row is None or not row.of_folders:
        return {}
    path = user_path(run_dir) / CONFIG
    if not os.path.isfile(path):
        return {}
    data = read_config(path).data
    if data.dataset != values["dataset"]:
        return {}
    kept = {"folder_split": data.folder_split}
    # If the run has a record of its images, it reports itself how they have changed.
    if os.path.isfile(user_path(run_dir) / DATA):
        kept["validation_size"] = data.validation_size
    return kept


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
    """Returns the numbers in a text such as "0.49,0.48,0.45"."""
    return tuple(float(part) for part in text.split(","))


def boolean(text: str) -> bool:
    """Returns the boolean for the text "true" or "false"."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"must be true or false, received {text!r}")
    return text.lower() == "true"


_PARSERS = {tuple: numbers, bool: boolean}


def names(text: str) -> tuple[str, ...]:
    """Returns the distinct names in a text such as "resnet20,resnet56"."""
    return tuple(dict.fromkeys(name for name in text.split(",") if name))


def whole_numbers(text: str) -> tuple[int, ...]:
    """Returns the distinct numbers in a text such as "0,1,2"."""
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        rule = f"must be whole numbers separated by commas, received {text!r}"
        raise argparse.ArgumentTypeError(rule) from None
