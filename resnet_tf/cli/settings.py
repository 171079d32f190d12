"""The settings as arguments, derived from the fields as the flags are."""

import argparse
from typing import Any

from resnet_tf.config import RECIPES, ExperimentConfig, FieldSpec, iter_settings
from resnet_tf.data.sources import dataset_info


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds `--recipe` and an argument for each setting."""
    parser.add_argument(
        "--recipe", choices=list(RECIPES), default="wenxinxu", help="Settings to start."
    )
    group = parser.add_argument_group("settings")
    for spec in iter_settings():
        _add(group, spec)


def experiment(arguments: argparse.Namespace) -> ExperimentConfig:
    """Returns the recipe with the given settings on top.

    Raises:
        DataError: If a folder of images cannot be listed.
        SettingError: If a value is wrong.
    """
    given = vars(arguments)
    values = {s.name: given[s.name] for s in iter_settings() if s.name in given}
    info = dataset_info(values.get("dataset"), values.get("data_dir"))
    return ExperimentConfig.from_flat(values, arguments.recipe, info)


def _add(group, spec: FieldSpec) -> None:
    options: dict[str, Any] = {"dest": spec.name, "default": argparse.SUPPRESS}
    text = spec.help.replace("%", "%%")
    if spec.type is bool:
        group.add_argument(f"--{spec.name}", action="store_true", help=text, **options)
        group.add_argument(f"--no{spec.name}", action="store_false", **options)
        return
    kind = _numbers if spec.type is tuple else spec.type
    choices = spec.choices or None
    group.add_argument(
        f"--{spec.name}", type=kind, choices=choices, help=text, **options
    )


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))
