"""The composition of a recipe, a registered network and explicit settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnet_tf.config.datasets import (
    DATASETS,
    DatasetInfo,
    require_training_images,
)
from resnet_tf.config.derived import STEPS_OF, override, scaled, to_steps
from resnet_tf.config.fields import FieldSpec, flag_value, unknown
from resnet_tf.config.model import other_family
from resnet_tf.config.networks import (
    BOTTLENECK,
    FAMILIES,
    FREE,
    NETWORKS,
    RESNET,
    require_same_network,
    residual_layers,
)
from resnet_tf.config.recipes import DEEP, DEEP_LAYERS, recipe_values
from resnet_tf.config.sections import iter_settings
from resnet_tf.errors import SettingError

# Settings without effect if the other is 0.
_NEEDS_ABOVE_0 = {
    "warmup_lr": "warmup_steps",
    "cutmix_probability": "cutmix",
    "ema_every": "ema_decay",
    "lookahead_share": "lookahead",
}


def compose(
    values: Mapping[str, Any], recipe: str, info: DatasetInfo | None = None
) -> dict[str, Any]:
    """Returns the recipe's settings updated with `values`, durations in steps.

    A registered `model` replaces the network that the recipe names. If the recipe names
    no network, its order and shortcut stay. Settings that would make a different
    network cannot be given together with the name. Settings of the recipe for another
    network family, or for a switch that is off, are left out.

    Args:
        values: Explicit settings by name, including durations in epochs; they override
            the recipe.
        recipe: A name in `RECIPES`.
        info: The facts about the data set, if its row in `DATASETS` has none.

    Returns:
        Settings by field name; missing fields have their defaults.

    Raises:
        SettingError: If a name is unknown, a value is out of range, an explicit setting
            belongs to another network family or has no effect with the others, a crop
            has no padding, or a higher rate has no warm-up.
    """
    specs = {spec.name: spec for spec in iter_settings()}
    for name in values:
        if name not in specs:
            raise SettingError(unknown("setting", name, specs))
    given = {name: specs[name].check(value) for name, value in values.items()}
    settings = _layered(recipe, given)
    family = _family(settings)
    _drop_other_families(settings, given, family, specs)
    dataset = settings.get("dataset", specs["dataset"].default)
    settings = _of_dataset(settings, dataset, info or DATASETS[dataset].info)
    settings.setdefault("image_size", FAMILIES[family].side)
    _drop_what_means_nothing(settings, given, specs)
    _require_the_crop(settings, given, recipe)
    return scaled(settings, recipe_values(recipe)["train_batch_size"])


def _layered(recipe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recipe, updated with the network and then the given settings."""
    settings = recipe_values(recipe)
    network = _network(given)
    if "model" not in settings and not network.get("bottleneck"):
        kept = FREE & settings.keys()
        network = {name: v for name, v in network.items() if name not in kept}
    free = {name: value for name, value in given.items() if name in FREE}
    if given.get("bottleneck") and not network:
        network = BOTTLENECK
    merged = {**given, **network, **free}
    both = {**settings, **merged}
    if FAMILIES[_family(both)].side != FAMILIES[_family(settings)].side:
        settings.pop("resize", None)
    if _layers(both) >= DEEP_LAYERS:
        settings = override(settings, DEEP.get(recipe, {}))
    return override(settings, merged)


def _network(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the settings of the registered network that `model` names, if any."""
    name = given.get("model")
    if name is None or name in FAMILIES:
        return {}
    if name not in NETWORKS:
        known = dict.fromkeys([*FAMILIES, *NETWORKS])
        raise SettingError(unknown("model", name, known))
    require_same_network(name, given)
    return NETWORKS[name].values


def _family(settings: Mapping[str, Any]) -> str:
    """Returns the network family of settings; the default if they name none."""
    return settings.get("model", RESNET)


def _layers(settings: Mapping[str, Any]) -> int:
    """Returns the depth of a residual network, 0 for other networks."""
    if _family(settings) != RESNET:
        return 0
    blocks = settings.get("num_residual_blocks", 0)
    return residual_layers(blocks, settings.get("bottleneck", False))


def _drop_other_families(
    settings: dict[str, Any],
    given: Mapping[str, Any],
    family: str,
    specs: Mapping[str, FieldSpec],
) -> None:
    """Drops the settings that `family` does not have; raises for explicit ones."""
    for name in list(settings):
        if specs[name].applies_to(family):
            continue
        if name in given:
            raise SettingError(other_family(specs[name], family))
        del settings[name]


def _of_dataset(
    settings: Mapping[str, Any], dataset: str, info: DatasetInfo | None
) -> dict[str, Any]:
    """Returns the settings, completed with the facts about the data set."""
    result = dict(settings)
    if result.get("flip") is None:
        result["flip"] = info is None or info.flip
    if info is None and (left := sorted(STEPS_OF.keys() & result)):
        raise SettingError(
            f"{left[0]} needs the number of training images, received no "
            "`info` of the data set"
        )
    if info is not None:
        result.setdefault("num_classes", info.num_classes)
        if result.get("validation_size") is None:
            result["validation_size"] = info.validation_size
        require_training_images(dataset, info, result["validation_size"])
        images = info.num_train - result["validation_size"]
        result = to_steps(result, images, result["train_batch_size"])
    return result


def _require_the_crop(
    settings: Mapping[str, Any], given: Mapping[str, Any], recipe: str
) -> None:
    """Raises if a padded crop is requested explicitly but has no padding.

    Raises:
        SettingError: If the recipe has no padding and none is given.
    """
    asked = given.get("crop") == "padded" and "padding_size" not in given
    if asked and settings.get("padding_size") == 0:
        raise SettingError(
            f"padding_size must be given for crop=padded with recipe={recipe}, whose "
            "own is 0, received none"
        )


def _drop_what_means_nothing(
    settings: dict[str, Any], given: Mapping[str, Any], specs: Mapping[str, FieldSpec]
) -> None:
    """Drops settings whose prerequisite is off; raises for explicit ones."""
    steps = {STEPS_OF.get(name, name): name for name in given}
    for name in list(settings):
        spec = specs[name]
        if spec.needs is None:
            continue
        other, value = spec.needs
        found = settings.get(other, specs[other].default)
        if found == value:
            continue
        if name in steps and settings[name] != spec.default:
            raise SettingError(
                f"{steps[name]} needs {other}={flag_value(value)}, received "
                f"{flag_value(found)}"
            )
        del settings[name]
    for name, other in _NEEDS_ABOVE_0.items():
        if name in given and not settings.get(other):
            raise SettingError(f"{name} needs {other} above 0, received 0")
