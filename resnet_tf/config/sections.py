"""The four sections of settings: network, images, updates, run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from resnet_tf.config.datasets import DATASETS, DatasetInfo
from resnet_tf.config.fields import FieldSpec, Section, field, section_fields
from resnet_tf.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """The network: its family, its size and its batch norm."""

    model: Literal["resnet", "densenet"] = field("resnet", "Network family.")
    num_residual_blocks: int = field(
        5,
        "Residual blocks in each of the three stages, n: the depth is 6n+2 "
        "(3: 20, 5: 32, 9: 56, 18: 110).",
        minimum=1,
        maximum=1000,
        family="resnet",
    )
    order: Literal["post", "pre"] = field(
        "pre",
        "Order inside a residual block: 'post' as in He et al. 2015, 'pre' (batch "
        "norm and ReLU before each convolution) as in the TF1 original.",
        family="resnet",
    )
    depth: int = field(
        40,
        "Layers with weights: 3m+4, or 6m+4 with --bottleneck.",
        minimum=7,
        maximum=1000,
        family="densenet",
    )
    growth_rate: int = field(
        12,
        "Channels that each dense layer adds, k.",
        minimum=1,
        maximum=1000,
        family="densenet",
    )
    bottleneck: bool = field(
        False,
        "A 1x1 convolution to 4k channels before each 3x3 one (DenseNet-B).",
        family="densenet",
    )
    compression: float = field(
        1.0,
        "Share of the channels that a transition keeps, theta (DenseNet-C: 0.5).",
        above=0,
        maximum=1,
        family="densenet",
    )
    num_classes: int = field(10, "Logits; must be the data set's.", minimum=2)
    kernel_initializer: Literal["he_fan_out", "glorot_uniform"] = field(
        "he_fan_out", "Initial values of the convolutions."
    )
    bn_momentum: float = field(
        0.9,
        "Share of the old value that a batch-norm moving average keeps a step.",
        minimum=0,
        maximum=1,
    )
    bn_epsilon: float = field(
        1e-5, "Added to the variance in batch norm.", above=0, maximum=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for spec in section_fields(ModelConfig):
            other = spec.family not in (None, self.model)
            if other and getattr(self, spec.name) != spec.default:
                raise SettingError(other_family(spec, self.model))
        if self.model == "densenet":
            step = 6 if self.bottleneck else 3
            if (self.depth - 4) % step:
                kind = "with" if self.bottleneck else "without"
                raise SettingError(
                    f"depth must be {step}m+4 {kind} bottleneck, received {self.depth}"
                )

    @property
    def layers_deep(self) -> int:
        """Convolutions on the longest path plus the dense head."""
        if self.model == "resnet":
            return 6 * self.num_residual_blocks + 2
        return self.depth


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """The images: where they come from and how they are shown."""

    dataset: Literal["cifar10", "cifar100", "digits"] = field(
        "cifar10", "Data set; 'digits' is part of the package."
    )
    data_dir: str | None = field(
        None,
        "Folder of TensorFlow Datasets [TFDS_DATA_DIR, else ~/tensorflow_datasets].",
        local=True,
    )
    cache_dir: str | None = field(
        None, "Folder of decoded images [~/.cache/resnet_tf].", local=True
    )
    download: bool = field(
        True, "Download the data set where it is not prepared yet.", local=True
    )
    validation_size: int | None = field(
        None,
        "Images held out of training, the last by official index "
        "[5000 for CIFAR, 180 for digits].",
        minimum=0,
    )
    padding_size: int = field(
        2,
        "Zeros added on each side before the random crop; 0 for no crop.",
        minimum=0,
        maximum=32,
    )
    flip: bool | None = field(
        None, "Mirror half of the training images [true for CIFAR]."
    )
    normalization: Literal["whitening", "mean_std"] = field(
        "whitening",
        "Each image by its own mean and deviation, or each channel by the "
        "training set's.",
    )
    channel_mean: tuple[float, ...] | None = field(
        None, "Means in [0, 1] for mean_std, comma-separated [the data set's]."
    )
    channel_std: tuple[float, ...] | None = field(
        None, "Deviations in [0, 1] for mean_std, comma-separated [the data set's]."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        info = DATASETS[self.dataset]
        self._default("validation_size", info.validation_size)
        self._default("flip", info.flip)
        if self.validation_size >= info.num_train:
            raise SettingError(
                f"validation_size must be below the {info.num_train} images of "
                f"{self.dataset}, received {self.validation_size}"
            )
        if self.flip and not info.flip:
            raise SettingError(
                f"flip must be false for dataset={self.dataset}: mirrored images "
                "change their meaning, received true"
            )
        self._check_channels(info)

    def _default(self, name: str, value: Any) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    def _check_channels(self, info: DatasetInfo) -> None:
        if self.normalization == "mean_std":
            self._default("channel_mean", info.mean)
            self._default("channel_std", info.std)
        for name in ("channel_mean", "channel_std"):
            value = getattr(self, name)
            if self.normalization == "whitening" and value is not None:
                raise SettingError(
                    f"{name} needs normalization=mean_std, received whitening"
                )
            if value is not None and len(value) != 3:
                raise SettingError(f"{name} must be three numbers, received {value}")
        if self.channel_std is not None and min(self.channel_std) <= 0:
            raise SettingError(
                f"channel_std must be above 0, received {self.channel_std}"
            )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Section):
    """Momentum SGD, its rate over the steps, and weight decay."""

    init_lr: float = field(0.1, "First learning rate, or the peak.", above=0)
    momentum: float = field(0.9, "Momentum.", minimum=0, maximum=0.9999)
    nesterov: bool = field(False, "Nesterov's form of momentum.")
    schedule: Literal["step", "cosine", "onecycle"] = field(
        "step",
        "How the rate falls: in two drops, along a cosine, or linearly to 0.",
    )
    warmup_fraction: float = field(
        0.0,
        "Share of the steps over which the rate first rises linearly.",
        minimum=0,
        maximum=0.9,
    )
    lr_decay_factor: float = field(
        0.1, "Factor of each drop of the step schedule.", above=0, maximum=1
    )
    decay_step0: int = field(
        40_000, "Updates before the first drop of the step schedule.", minimum=0
    )
    decay_step1: int = field(
        60_000, "Updates before the second drop of the step schedule.", minimum=0
    )
    weight_decay: float = field(
        2e-4, "d of the loss term d/2 * sum(w^2), coupled.", minimum=0
    )
    weight_decay_on: Literal["kernels", "all"] = field(
        "kernels", "Which weights decay: kernels, or batch norm and biases too."
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


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Section):
    """The run: its length, its reports and its arithmetic."""

    train_steps: int = field(80_000, "Number of updates.", minimum=1)
    train_batch_size: int = field(
        128, "Images in an update, over all replicas.", minimum=1
    )
    validation_batch_size: int = field(
        250, "Images in a validation batch.", minimum=1, local=True
    )
    test_batch_size: int = field(250, "Images in a test batch.", minimum=1, local=True)
    report_freq: int = field(
        391, "Updates between two validations, checkpoints and reports.", minimum=1
    )
    seed: int = field(
        0,
        "Seed of the weights, the order and the augmentation.",
        minimum=0,
        maximum=2**31 - 1,
    )
    mixed_precision: Literal["float32", "bfloat16", "float16"] = field(
        "float32", "Type of the activations; weights stay float32."
    )
    jit_compile: bool = field(False, "Compile the step with XLA.")
    strategy: Literal["auto", "one", "mirrored"] = field(
        "auto", "One device, or all local ones with the batch divided over them."
    )
    steps_per_call: int = field(
        0,
        "Updates in one call of the compiled loop; 0: by measurement, so that a "
        "call lasts one to two seconds.",
        minimum=0,
        local=True,
    )


SECTIONS: dict[str, type[Section]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
}


def iter_fields() -> Iterator[FieldSpec]:
    """Yields every setting, section by section."""
    for section in SECTIONS.values():
        yield from section_fields(section)


def other_family(spec: FieldSpec, model: str) -> str:
    """Returns the message for a setting that `model` does not have."""
    return f"{spec.name} belongs to model={spec.family}, received model={model}"
