"""The settings as arguments of a command, derived from the fields of a config."""

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
    """Adds `--recipe` and an argument for each setting, or for those in `names` alone.

    A setting that is not given has no attribute in the namespace.
    """
    if names is None:
        parser.add_argument(
            "--recipe",
            choices=list(RECIPES),
            default=DEFAULT_RECIPE,
            help="Named set of settings to start from; an explicit flag wins over it.",
        )
    text = "Those not given are the recipe's: see python -m resnet_tf recipes NAME."
    group = parser.add_argument_group("settings", text if names is None else None)
    for spec in iter_settings():
        if names is None or spec.name in names:
            _add(group, spec)


def shown_default(action: argparse.Action) -> Any:
    """Returns the default of an argument; of a setting the default recipe's value."""
    if action.default != argparse.SUPPRESS:
        return action.default
    if action.dest in RECIPES[DEFAULT_RECIPE]:
        return RECIPES[DEFAULT_RECIPE][action.dest]
    return {spec.name: spec.default for spec in iter_settings()}[action.dest]


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings that stand on the command line.

    Raises:
        SettingError: If a value is out of its range.
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
    """Returns the recipe with `values` on top, and what only the disk knows.

    Args:
        values: Explicit settings by name.
        recipe: A name in `RECIPES`.
        run_dir: The folder of the run if the user has named one: a run that is there
            keeps the way in which its folder of images is split, and how many validate.

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
    """Returns the settings that a run keeps where the command does not say."""
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
    # With a record of its images, the run itself says how they have changed.
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
    """Returns the numbers in "0.49,0.48,0.45"."""
    return tuple(float(part) for part in text.split(","))


def boolean(text: str) -> bool:
    """Returns what "true" or "false" says."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"true or false is expected, received {text!r}")
    return text.lower() == "true"


_PARSERS = {tuple: numbers, bool: boolean}
