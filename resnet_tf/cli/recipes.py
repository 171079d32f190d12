"""List the recipes, show one recipe, or compare two recipes field by field."""

import argparse
import json

from resnet_tf.config import RECIPES, recipe_source, recipe_values
from resnet_tf.errors import SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "recipe", nargs="*", metavar="RECIPE", help="No, one or two names."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON.")


def run(arguments: argparse.Namespace) -> None:
    """Prints the list, the recipe or the differences.

    Raises:
        SettingError: If a name is unknown, or there are more than two.
    """
    names = arguments.recipe
    if len(names) > 2:
        raise SettingError(f"recipes takes at most two names, received {len(names)}")
    chosen = [recipe_values(name) for name in names]
    if not chosen:
        facts = {name: recipe_source(name).partition("\n")[0] for name in RECIPES}
    elif len(chosen) == 1:
        facts = chosen[0]
    else:
        facts = _difference(*chosen)
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return
    if len(names) == 1:
        print(recipe_source(names[0]), end="\n\n")
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        text = " | ".join(map(_text, value)) if len(names) == 2 else _text(value)
        print(f"{name:{width}}  {text}")


def _difference(one: dict, other: dict) -> dict[str, tuple]:
    """Returns the settings that differ, as name: (value of one, value of the other).

    The value is None if a recipe does not have the setting.
    """
    return {
        name: (one.get(name), other.get(name))
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    }


def _text(value) -> str:
    if value is None:
        return "-"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
