"""The whole of an experiment: recipe, flat settings and JSON in one object."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_tf.config.data import DataConfig
from resnet_tf.config.datasets import DATASETS, DatasetInfo
from resnet_tf.config.durations import STEPS_OF, override, to_steps
from resnet_tf.config.fields import REQUIRED, FieldSpec, section_fields, unknown
from resnet_tf.config.model import ModelConfig, other_family
from resnet_tf.config.networks import FAMILIES, FREE, NETWORKS, RESNET, input_side
from resnet_tf.config.optimizer import OptimizerConfig
from resnet_tf.config.recipes import DEEP, DEEP_LAYERS, DEFAULT_RECIPE, recipe_values
from resnet_tf.config.sections import SECTIONS, iter_fields, iter_settings
from resnet_tf.config.train import TrainConfig
from resnet_tf.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """Everything that decides the weights at the end of a run.

    Attributes:
        recipe: Name of the recipe that the values started from.
        model: The network.
        data: The images.
        optimizer: The updates.
        train: The run.
    """

    recipe: str = DEFAULT_RECIPE
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        info = DATASETS.get(self.data.dataset)
        if info and self.model.num_classes != info.num_classes:
            raise SettingError(
                f"num_classes must be {info.num_classes} for "
                f"dataset={self.data.dataset}, received {self.model.num_classes}"
            )
        warmup, steps = self.optimizer.warmup_steps, self.train.train_steps
        if warmup >= steps:
            raise SettingError(
                f"warmup_steps must be below train_steps={steps}, received {warmup}"
            )
        if self.data.image_size != self.model.input_side:
            raise SettingError(
                f"image_size must be {self.model.input_side} for "
                f"model={self.model.model}, received {self.data.image_size}"
            )

    @classmethod
    def from_flat(
        cls,
        values: Mapping[str, Any],
        recipe: str = DEFAULT_RECIPE,
        info: DatasetInfo | None = None,
    ) -> ExperimentConfig:
        """Returns the recipe's settings with `values` on top.

        A registered `model` replaces the network that the recipe names; what the
        recipe says of order or shortcut without naming a network stays. Settings
        that would make it another network cannot be given beside the name.

        Args:
            values: Explicit settings by name, durations in epochs among them;
                they win over the recipe.
            recipe: A name in `resnet_tf.config.RECIPES`.
            info: What is known of a data set that `DATASETS` does not hold.

        Raises:
            SettingError: If a name is unknown, a value is out of its range, or an
                explicit setting belongs to another network family.
        """
        specs = {spec.name: spec for spec in iter_settings()}
        for name in values:
            if name not in specs:
                raise SettingError(unknown("setting", name, specs))
        given = {name: specs[name].check(value) for name, value in values.items()}
        settings = _layered(recipe, given)
        family = settings.get("model", specs["model"].default)
        for name in list(settings):
            if specs[name].applies_to(family):
                continue
            if name in given:
                raise SettingError(other_family(specs[name], family))
            del settings[name]
        dataset = settings.get("dataset", specs["dataset"].default)
        settings = _of_dataset(settings, info or DATASETS.get(dataset))
        settings.setdefault("image_size", input_side(family))
        _drop_what_means_nothing(settings, given, specs)
        sections = {
            section: kind(
                **{n: v for n, v in settings.items() if specs[n].section == section}
            )
            for section, kind in SECTIONS.items()
        }
        return cls(recipe=recipe, **sections)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings for `config.json`, without the local ones and
        those of the other network family."""
        result: dict[str, Any] = {"recipe": self.recipe}
        for spec in iter_fields():
            if spec.local or not spec.applies_to(self.model.model):
                continue
            value = getattr(getattr(self, spec.section), spec.name)
            value = list(value) if isinstance(value, tuple) else value
            result.setdefault(spec.section, {})[spec.name] = value
        return result

    @classmethod
    def from_dict(cls, data: Any) -> ExperimentConfig:
        """Returns the settings that `to_dict` wrote.

        Raises:
            SettingError: If a section or a name is unknown or missing, or a value
                is wrong. Nothing is filled in: a default of today would give old
                weights another meaning.
        """
        if not isinstance(data, dict):
            raise SettingError(f"config must be an object, received {data!r:.40}")
        values = dict(data)
        recipe = values.pop("recipe", None)
        if not isinstance(recipe, str):
            raise SettingError(f"recipe must be a name, received {recipe!r}")
        for key, part in values.items():
            if key not in SECTIONS:
                raise SettingError(unknown("section of the config", key, SECTIONS))
            if not isinstance(part, dict):
                raise SettingError(
                    f"{key} of the config must be an object, received {part!r:.40}"
                )
        family = values.get("model", {}).get("model")
        sections = {}
        for key, section in SECTIONS.items():
            part = _completed(values.get(key, {}), section_fields(section), family)
            sections[key] = section(**part)
        return cls(recipe=recipe, **sections)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the settings, in hexadecimal."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def run_name(self) -> str:
        """Returns `<model>-<dataset>-<8 hexadecimal digits>`."""
        return f"{self.model.model}-{self.data.dataset}-{self.fingerprint()[:8]}"


# What a residual network with bottlenecks has, unless told otherwise.
_BOTTLENECK = {"order": "pre", "shortcut": "B"}


def _layered(recipe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recipe, the registered network and what is given, the later over
    the earlier."""
    settings = recipe_values(recipe)
    network = _network(given)
    if "model" not in settings and not network.get("bottleneck"):
        kept = FREE & settings.keys()
        network = {name: v for name, v in network.items() if name not in kept}
    free = {name: value for name, value in given.items() if name in FREE}
    if given.get("bottleneck") and not network:
        network = _BOTTLENECK
    merged = {**given, **network, **free}
    if input_side(merged.get("model", RESNET)) != input_side(
        settings.get("model", RESNET)
    ):
        settings.pop("resize", None)
    if _layers({**settings, **merged}) >= DEEP_LAYERS:
        settings = override(settings, DEEP.get(recipe, {}))
    return override(settings, merged)


def _network(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values that the given `model` stands for, beside itself."""
    name = given.get("model")
    if name not in NETWORKS:
        known = dict.fromkeys([*FAMILIES, *NETWORKS])
        if name is not None and name not in FAMILIES:
            raise SettingError(unknown("model", name, known))
        return {}
    values = NETWORKS[name]
    for key, value in values.items():
        other = key not in FREE | {"model"} and given.get(key, value) != value
        if other:
            raise SettingError(
                f"{key} must be {value} for model={name}, received {given[key]}"
            )
    return values


def _layers(settings: Mapping[str, Any]) -> int:
    """Returns the depth of a residual network, 0 for another."""
    if settings.get("model", RESNET) != RESNET:
        return 0
    blocks = settings.get("num_residual_blocks", 0)
    return (9 if settings.get("bottleneck") else 6) * blocks + 2


def _of_dataset(
    settings: Mapping[str, Any], info: DatasetInfo | None
) -> dict[str, Any]:
    """Returns the settings with what follows from the data set filled in."""
    result = dict(settings)
    if info is None and (left := sorted(STEPS_OF.keys() & result)):
        raise SettingError(
            f"{left[0]} needs the number of training images, received no "
            "`info` of the data set"
        )
    if info is not None:
        result.setdefault("num_classes", info.num_classes)
        if result.get("validation_size") is None:
            result["validation_size"] = info.validation_size
        images = info.num_train - result["validation_size"]
        result = to_steps(result, images, result["train_batch_size"])
    return result


def _drop_what_means_nothing(
    settings: dict[str, Any], given: Mapping[str, Any], specs: Mapping[str, FieldSpec]
) -> None:
    """Removes settings that need another value elsewhere; refuses given ones."""
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
            raise SettingError(f"{steps[name]} needs {other}={value}, received {found}")
        del settings[name]


def _completed(
    part: Mapping[str, Any], specs: tuple[FieldSpec, ...], family: Any
) -> dict[str, Any]:
    """Returns a section of a `config.json` with what was written before a field
    existed."""
    names = [spec.name for spec in specs]
    for name in part:
        if name not in names:
            raise SettingError(unknown("setting", name, names))
    result = dict(part)
    for spec in specs:
        if spec.local or not spec.applies_to(family) or spec.name in part:
            continue
        if spec.was is REQUIRED:
            raise SettingError(f"the config must have the setting {spec.name}")
        result[spec.name] = spec.was
    return result


def differences(a: ExperimentConfig, b: ExperimentConfig) -> dict[str, tuple[Any, Any]]:
    """Returns the settings in which two configs differ, as name: (a's, b's)."""
    flat_a, flat_b = _flatten(a.to_dict()), _flatten(b.to_dict())
    return {
        name: (flat_a.get(name), flat_b.get(name))
        for name in {**flat_a, **flat_b}
        if flat_a.get(name) != flat_b.get(name)
    }


def _flatten(sections: dict[str, Any]) -> dict[str, Any]:
    flat = {}
    for key, part in sections.items():
        flat.update(part if isinstance(part, dict) else {key: part})
    return flat
