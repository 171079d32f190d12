"""The four sections of settings, and the settings of the command line."""

from __future__ import annotations

from collections.abc import Iterator

from resnet_tf.config.data import DataConfig
from resnet_tf.config.derived import DURATIONS, LR_SCALING
from resnet_tf.config.fields import FieldSpec, section_fields
from resnet_tf.config.model import ModelConfig
from resnet_tf.config.optimizer import OptimizerConfig
from resnet_tf.config.train import TrainConfig

SECTIONS: dict[str, type] = {
    "model": ModelConfig,
    "data": DataConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
}


def iter_fields() -> Iterator[FieldSpec]:
    """Yields every field of a config, section by section."""
    for section in SECTIONS.values():
        yield from section_fields(section)


def iter_settings() -> Iterator[FieldSpec]:
    """Yields every setting of the command line.

    These are the fields, the durations in epochs, and the scaling of the rate.
    """
    yield from iter_fields()
    yield from DURATIONS
    yield LR_SCALING
