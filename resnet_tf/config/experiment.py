"""The config of a whole experiment, with its flat and JSON forms."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_tf.config.compose import compose
from resnet_tf.config.data import DataConfig
from resnet_tf.config.datasets import DATASETS, DatasetInfo
from resnet_tf.config.derived import too_large_for_drop_last
from resnet_tf.config.fields import AUTO, REQUIRED, FieldSpec, section_fields, unknown
from resnet_tf.config.model import ModelConfig
from resnet_tf.config.networks import CIFAR_SIDE
from resnet_tf.config.optimizer import OptimizerConfig
from resnet_tf.config.recipes import DEFAULT_RECIPE
from resnet_tf.config.sections import SECTIONS, iter_fields
from resnet_tf.config.train import Kernels, TrainConfig
from resnet_tf.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """All settings that determine the weights at the end of a run.

    Attributes:
        recipe: Name of the recipe on which the values are based.
        model: The network.
        data: The images.
        optimizer: The optimizer and its schedule.
        train: The length, reports and arithmetic of the run.
    """

    recipe: str = DEFAULT_RECIPE
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        info = DATASETS[self.data.dataset].info
        if info and self.model.num_classes != info.num_classes:
            raise SettingError(
                f"num_classes must be {info.num_classes} for "
                f"dataset={self.data.dataset}, received {self.model.num_classes}"
            )
        self._check_batch(info)
        warmup, steps = self.optimizer.warmup_steps, self.train.train_steps
        if warmup >= steps:
            raise SettingError(
                f"warmup_steps must be below train_steps={steps}, received {warmup}"
            )
        self._check_image_size()
        self._check_average()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the network's input."""
        return (self.data.image_size, self.data.image_size, 3)

    def _check_image_size(self) -> None:
        side, size = self.model.input_side, self.data.image_size
        # Networks for images of 32x32 pixels need a multiple of 16.
        larger = side == CIFAR_SIDE and size > side and size % 16 == 0
        if size != side and not larger:
            rule = f"{side} or a larger multiple of 16" if side == CIFAR_SIDE else side
            raise SettingError(
                f"image_size must be {rule} for model={self.model.model}, "
                f"received {size}"
            )

    def _check_average(self) -> None:
        """Raises if the first report would validate the average before it exists."""
        first = min(self.train.report_freq, self.train.train_steps)
        if self.optimizer.ema_decay and self.optimizer.ema_every > first:
            raise SettingError(
                f"ema_every must be at most {first}, the updates before the first "
                f"report, received {self.optimizer.ema_every}"
            )

    def _check_batch(self, info: DatasetInfo | None) -> None:
        if info is None:
            return
        images = info.num_train - (self.data.validation_size or 0)
        batch = self.train.train_batch_size
        if self.data.sampling == "window" and batch >= images:
            raise SettingError(
                f"train_batch_size must be below the {images} training images with "
                f"sampling=window, received {batch}"
            )
        if self.data.drop_last and batch > images:
            raise SettingError(too_large_for_drop_last(batch, images))

    @classmethod
    def from_flat(
        cls,
        values: Mapping[str, Any],
        recipe: str = DEFAULT_RECIPE,
        info: DatasetInfo | None = None,
    ) -> ExperimentConfig:
        """Returns the recipe's config, updated with `values`.

        Takes the arguments of `compose` and raises its errors; a value out of range is
        a `SettingError` too.
        """
        settings = compose(values, recipe, info)
        section_of = {spec.name: spec.section for spec in iter_fields()}
        sections: dict[str, Any] = {
            section: kind(
                **{n: v for n, v in settings.items() if section_of[n] == section}
            )
            for section, kind in SECTIONS.items()
        }
        return cls(recipe=recipe, **sections)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings for `config.json`.

        Local settings and settings of other network families are left out.
        """
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
            SettingError: If a section or a name is unknown or missing, or a value is
                wrong. Missing values are not filled with current defaults, which could
                change the meaning of old weights.
        """
        if not isinstance(data, dict):
            raise SettingError(f"config must be an object, received {data!r:.40}")
        values = dict(data)
        recipe = values.pop("recipe", None)
        if not isinstance(recipe, str) or not re.fullmatch(r"\w{1,64}", recipe, re.A):
            raise SettingError(f"recipe must be a name, received {recipe!r:.80}")
        for key, part in values.items():
            if key not in SECTIONS:
                raise SettingError(unknown("section of the config", key, SECTIONS))
            if not isinstance(part, dict):
                raise SettingError(
                    f"{key} of the config must be an object, received {part!r:.40}"
                )
        family = values.get("model", {}).get("model")
        sections: dict[str, Any] = {}
        for key, section in SECTIONS.items():
            part = _completed(values.get(key, {}), section_fields(section), family)
            sections[key] = section(**part)
        return cls(recipe=recipe, **sections)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the settings, in hexadecimal.

        It does not depend on the machine: settings of the place, and settings that
        leave the choice to the machine, are not included.
        """
        settings = self.to_dict()
        for spec in iter_fields():
            if spec.place or settings[spec.section].get(spec.name) == AUTO:
                del settings[spec.section][spec.name]
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def flat(self) -> dict[str, Any]:
        """Returns the recipe and every setting by name, without the sections."""
        flat: dict[str, Any] = {}
        for key, part in self.to_dict().items():
            flat.update(part if isinstance(part, dict) else {key: part})
        return flat

    def with_kernels(self, kernels: Kernels) -> ExperimentConfig:
        """Returns the experiment with another value of `train.kernels`."""
        train = dataclasses.replace(self.train, kernels=kernels)
        return dataclasses.replace(self, train=train)

    def run_name(self) -> str:
        """Returns `<model>-<dataset>-<8 hexadecimal digits>`."""
        return f"{self.model.model}-{self.data.dataset}-{self.fingerprint()[:8]}"


def _completed(
    part: Mapping[str, Any], specs: tuple[FieldSpec, ...], family: Any
) -> dict[str, Any]:
    """Returns a section of a `config.json`, with values for fields added later."""
    names = [spec.name for spec in specs if not spec.local]
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
    """Returns the settings in which two configs differ, as name: (a's, b's).

    Settings of the place where a run computes are ignored.
    """
    flat_a, flat_b = a.flat(), b.flat()
    places = {spec.name for spec in iter_fields() if spec.place}
    return {
        name: (flat_a.get(name), flat_b.get(name))
        for name in {**flat_a, **flat_b}
        if name not in places and flat_a.get(name) != flat_b.get(name)
    }
