"""The settings of the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resnet_tf.config.fields import LARGEST_STEP, Section, field
from resnet_tf.errors import SettingError

_LARGEST_RATE = 1e30  # above it, float32 overflows in the first update


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """The optimizer, its learning rate schedule, and weight decay."""

    optimizer: Literal["sgd", "adamw"] = field(
        "sgd",
        "Momentum SGD, or AdamW (second momentum 0.999, epsilon 1e-8).",
        was="sgd",
    )
    init_lr: float = field(
        0.1, "Initial or peak learning rate.", above=0, maximum=_LARGEST_RATE
    )
    momentum: float = field(0.9, "Momentum; beta1 of AdamW.", minimum=0, maximum=0.9999)
    nesterov: bool = field(
        False, "Use Nesterov momentum; only for SGD.", needs=("optimizer", "sgd")
    )
    schedule: Literal["step", "cosine", "onecycle"] = field(
        "step",
        "How the learning rate falls: in two drops, along a cosine, or linearly to 0.",
    )
    warmup_fraction: float = field(
        0.0,
        "Share of the updates in which the learning rate first rises linearly.",
        minimum=0,
        maximum=0.9,
    )
    warmup_steps: int = field(
        0,
        "Number of first updates that use warmup_lr.",
        minimum=0,
        maximum=LARGEST_STEP,
        was=0,
    )
    warmup_lr: float = field(
        0.01,
        "Constant learning rate of the first warmup_steps updates.",
        above=0,
        maximum=_LARGEST_RATE,
        was=0.01,
    )
    lr_decay_factor: float = field(
        0.1,
        "Factor of each drop of the step schedule.",
        above=0,
        maximum=1,
        needs=("schedule", "step"),
    )
    decay_step0: int = field(
        40_000,
        "Updates before the first drop of the step schedule.",
        minimum=0,
        maximum=LARGEST_STEP,
        needs=("schedule", "step"),
    )
    decay_step1: int = field(
        60_000,
        "Updates before the second drop of the step schedule.",
        minimum=0,
        maximum=LARGEST_STEP,
        needs=("schedule", "step"),
    )
    first_decay_late: bool = field(
        False,
        "Drop the learning rate only after update number decay_step0 (and "
        "decay_step1), counted from 0, so one update later, as in the TF1 original.",
        was=False,
        needs=("schedule", "step"),
    )
    weight_decay: float = field(
        2e-4,
        "Weight decay d: coupled, loss term d/2 * sum(w^2), for SGD; decoupled for "
        "AdamW.",
        minimum=0,
        maximum=1000,
    )
    weight_decay_on: Literal["kernels", "kernels_and_head", "all"] = field(
        "kernels",
        "Weights that decay: kernels; kernels and the bias of the dense head; or all, "
        "with batch norm and biases.",
    )
    label_smoothing: float = field(
        0.0, "Share of each label spread over all classes.", minimum=0, maximum=0.9
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "step" and self.decay_step1 < self.decay_step0:
            raise SettingError(
                f"decay_step1 must be at least decay_step0={self.decay_step0}, "
                f"received {self.decay_step1}"
            )
        if self.optimizer == "adamw" and self.nesterov:
            raise SettingError("nesterov needs optimizer=sgd, received adamw")
        if self.warmup_steps and self.warmup_fraction:
            raise SettingError(
                "warmup_steps must be 0 with a warmup_fraction, received "
                f"{self.warmup_steps}"
            )
