"""The whole of an experiment: recipe, flat settings and JSON in one object."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_tf.config.datasets import DATASETS
from resnet_tf.config.fields import FieldSpec, section_fields, unknown
from resnet_tf.config.recipes import recipe_values
from resnet_tf.config.sections import (
    SECTIONS,
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    iter_fields,
    other_family,
)
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

    recipe: str = "wenxinxu"
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        expected = DATASETS[self.data.dataset].num_classes
        if self.model.num_classes != expected:
            raise SettingError(
                f"num_classes must be {expected} for dataset={self.data.dataset}, "
                f"received {self.model.num_classes}"
            )

    @classmethod
    def from_flat(
        cls, values: Mapping[str, Any], recipe: str = "wenxinxu"
    ) -> ExperimentConfig:
        """Returns the recipe's settings with `values` on top.

        Args:
            values: Explicit settings by field name; they win over the recipe.
            recipe: A name in `resnet_tf.config.RECIPES`.

        Raises:
            SettingError: If a name is unknown, a value is out of its range, or an
                explicit setting belongs to the other network family.
        """
        specs = {spec.name: spec for spec in iter_fields()}
        for name in values:
            if name not in specs:
                raise SettingError(unknown("setting", name, specs))
        merged = {**recipe_values(recipe), **values}
        model = merged.get("model", specs["model"].default)
        for name in list(merged):
            if specs[name].family in (None, model):
                continue
            if name in values:
                raise SettingError(other_family(specs[name], model))
            del merged[name]
        dataset = merged.get("dataset", specs["dataset"].default)
        if dataset in DATASETS:
            merged.setdefault("num_classes", DATASETS[dataset].num_classes)
        sections = {
            section: kind(
                **{n: v for n, v in merged.items() if specs[n].section == section}
            )
            for section, kind in SECTIONS.items()
        }
        return cls(recipe=recipe, **sections)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings for `config.json`, without the local ones and
        those of the other network family."""
        result: dict[str, Any] = {"recipe": self.recipe}
        for spec in iter_fields():
            if spec.local or spec.family not in (None, self.model.model):
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
        model = values.get("model", {}).get("model")
        sections = {}
        for key, section in SECTIONS.items():
            part = values.get(key, {})
            _check_names(part, section_fields(section), model)
            sections[key] = section(**part)
        return cls(recipe=recipe, **sections)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the settings, in hexadecimal."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def run_name(self) -> str:
        """Returns `<model>-<dataset>-<8 hexadecimal digits>`."""
        return f"{self.model.model}-{self.data.dataset}-{self.fingerprint()[:8]}"


def _check_names(
    part: Mapping[str, Any], specs: tuple[FieldSpec, ...], model: Any
) -> None:
    names = [spec.name for spec in specs]
    for name in part:
        if name not in names:
            raise SettingError(unknown("setting", name, names))
    for spec in specs:
        needed = not spec.local and spec.family in (None, model)
        if needed and spec.name not in part:
            raise SettingError(f"the config must have the setting {spec.name}")


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
