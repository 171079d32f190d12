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

    optimizer: Literal["sgd", "adamw", "muon"] = field(
        "sgd",
        "Momentum SGD; AdamW (second momentum 0.999, epsilon 1e-8); or Muon (Jordan et "
        "al. 2024, https://kellerjordan.github.io/posts/muon/) for the kernels of "
        "convolutions, with momentum SGD for all other variables. muon always uses "
        "Nesterov momentum.",
        was="sgd",
    )
    init_lr: float = field(
        0.1,
        "Initial or peak learning rate; with muon, of the kernels of convolutions.",
        above=0,
        maximum=_LARGEST_RATE,
    )
    sgd_lr: float = field(
        0.1,
        "Initial or peak learning rate of the variables that muon leaves to SGD; it "
        "follows the schedule in proportion to init_lr.",
        above=0,
        maximum=_LARGEST_RATE,
        was=0.1,
        needs=("optimizer", "muon"),
    )
    bias_rate_factor: float = field(
        1.0,
        "Factor of the learning rate of all variables that are not kernels: biases, "
        "gamma and beta (after the bias_scaler of airbench, Jordan 2024, "
        "https://arxiv.org/abs/2404.00498). The learning rate multiplies the weight "
        "decay, so their decay gets the factor too.",
        above=0,
        maximum=1e6,
        was=1.0,
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
        "AdamW and muon.",
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
    ema_decay: float = field(
        0.0,
        "Decay of an exponential moving average of all weights, with batch norm's "
        "averages (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046). Reports "
        "validate and save the averaged weights. Averaging n, from 0, uses a decay of "
        "at most (1 + n) / (10 + n). 0 for none.",
        minimum=0,
        below=1,
        was=0.0,
    )
    ema_every: int = field(
        1,
        "Updates between two averagings of ema_decay.",
        minimum=1,
        maximum=LARGEST_STEP,
        was=1,
    )
    lookahead: int = field(
        0,
        "Updates between two synchronizations of Lookahead's slow and fast weights "
        "(Zhang et al. 2019, https://arxiv.org/abs/1907.08610, k); 0 for none.",
        minimum=0,
        maximum=LARGEST_STEP,
        was=0,
    )
    lookahead_share: float = field(
        0.5,
        "Share of the way to the fast weights that Lookahead's slow weights go (alpha "
        "in the paper).",
        above=0,
        maximum=1,
        was=0.5,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "step" and self.decay_step1 < self.decay_step0:
            raise SettingError(
                f"decay_step1 must be at least decay_step0={self.decay_step0}, "
                f"received {self.decay_step1}"
            )
        if self.nesterov and self.optimizer != "sgd":
            raise SettingError(
                f"nesterov needs optimizer=sgd, received {self.optimizer}"
            )
        if self.warmup_steps and self.warmup_fraction:
            raise SettingError(
                "warmup_steps must be 0 with a warmup_fraction, received "
                f"{self.warmup_steps}"
            )
