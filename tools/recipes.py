"""The tables of docs/recipes.md, which compare every recipe with its source.

The values come from the recipes. `recipes/sources.json` says where each value stands in
the source.
"""

import json
from collections.abc import Callable
from typing import Any

from markup import table
from paths import DOCS

from resnet_tf.config import RECIPES, iter_settings

SOURCES = DOCS / "recipes" / "sources.json"


def read() -> dict[str, dict[str, Any]]:
    """Returns the facts about each recipe, by its name.

    Each has "source", "settings" (the place in the source, by setting) and "deviations"
    (sentences).
    """
    return json.loads(SOURCES.read_text())


def recipes() -> str:
    """A section for each recipe: its source, its settings and its deviations."""
    return "\n\n".join(_section(name, facts) for name, facts in read().items())


def own_settings(name: str) -> dict[str, Any]:
    """Returns the settings of a recipe that differ from the default of the field."""
    defaults = {spec.name: spec.default for spec in iter_settings()}
    return {k: v for k, v in RECIPES[name].items() if v != defaults[k]}


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"recipes": recipes}


def _section(name: str, facts: dict[str, Any]) -> str:
    sources = facts["settings"]
    rows = (
        (f"`{key}`", _text(value), sources[key])
        for key, value in RECIPES[name].items()
        if key in sources
    )
    text = [f"## {name}", f"Source: {facts['source']}."]
    text.append(table(("setting", "value", "where it stands"), rows))
    if facts["deviations"]:
        text.append("\n".join(f"* {sentence}" for sentence in facts["deviations"]))
    return "\n\n".join(text)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
