"""The settings of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resnet_tf.config.fields import AUTO, LARGEST_BATCH, LARGEST_STEP, Section, field
from resnet_tf.errors import SettingError

Precision = Literal["float32", "bfloat16", "float16"]
Kernels = Literal[
    "auto", "native", "native_avx512", "native_avx2", "native_baseline", "tensorflow"
]


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Section):
    """The run: its length, reports and arithmetic."""

    train_steps: int = field(
        80_000, "Number of updates.", minimum=1, maximum=LARGEST_STEP
    )
    train_batch_size: int = field(
        128,
        "Number of images in an update, over all replicas.",
        minimum=1,
        maximum=LARGEST_BATCH,
    )
    validation_batch_size: int = field(
        250,
        "Images in a validation batch.",
        minimum=1,
        maximum=LARGEST_BATCH,
        local=True,
    )
    test_batch_size: int = field(
        250, "Images in a test batch.", minimum=1, maximum=LARGEST_BATCH, local=True
    )
    report_freq: int = field(
        391,
        "Updates between two validations, checkpoints and reports.",
        minimum=1,
        maximum=LARGEST_STEP,
    )
    init_from: str | None = field(
        None,
        "Weights to start from: a checkpoint or run folder, a released model, a "
        ".weights.h5, torchvision's resnet18 or densenet121 .pth, or 'imagenet' "
        "(densenet121, downloaded by Keras). A head with other classes is initialized.",
        was=None,
    )
    grow: bool = field(
        False,
        "Start from the shallower residual network of --init_from: keep its blocks and "
        "append new ones that at first compute the identity.",
        was=False,
    )
    freeze: Literal["none", "backbone"] = field(
        "none",
        "Weights that are not trained: none, or all except the dense head.",
        was="none",
    )
    teacher: str | None = field(
        None,
        "Trained network whose outputs the training imitates (distillation, Hinton et "
        "al. 2015): a checkpoint or run folder, or a released model, of the same data "
        "set and image size.",
        was=None,
    )
    teacher_share: float = field(
        0.9,
        "Share s of the teacher in the loss: (1 - s) * cross-entropy + s * T^2 * KL("
        "teacher, network), both softened by the temperature T. The default is as "
        "in Tian et al. 2019.",
        above=0,
        maximum=1,
        was=0.9,
    )
    teacher_temperature: float = field(
        4.0,
        "Temperature T by which the logits of the teacher and of the network are "
        "divided before their softmax. The default is as in Tian et al. 2019.",
        above=0,
        maximum=1000,
        was=4.0,
    )
    seed: int = field(
        0,
        "Seed of the weights, the order and the augmentation.",
        minimum=0,
        maximum=2**31 - 1,
    )
    mixed_precision: Precision = field(
        "float32", "Data type of the activations; weights stay float32."
    )
    kernels: Kernels = field(
        AUTO,
        "Kernels that compute an update. native: this package's own, in float32 on a "
        "CPU, with its best instructions; native_avx512 etc.: with these instructions, "
        "which affect the last bits of results. auto: native if available, else "
        "tensorflow. A run keeps the kernels that it started with.",
        was="tensorflow",
    )
    jit_compile: bool = field(False, "Compile the step with XLA.")
    strategy: Literal["auto", "one", "mirrored", "multi_worker"] = field(
        "auto",
        "Devices: one, all local ones (mirrored), or the devices of all workers named "
        "by TF_CONFIG or Slurm (multi_worker); the batch is divided over them. auto: "
        "the workers of TF_CONFIG, else all local GPUs, else one device.",
        place=True,
    )
    sync_batch_norm: bool = field(
        False,
        "Normalize over the batches of all replicas together, not each separately, "
        "so that the network does not depend on the number of replicas.",
        was=False,
    )
    peer_timeout: float = field(
        300.0,
        "Seconds to wait for the other workers at the start.",
        above=0,
        maximum=86_400,
        local=True,
    )
    lanes: int = field(
        1,
        "Parts of a batch that are computed in parallel, with one core and one thread "
        "each. Faster, but batch norm normalizes each part separately; its moving "
        "averages move once per update, by the mean over the parts.",
        minimum=1,
        maximum=64,
        was=1,
    )
    accumulate: int = field(
        1,
        "Parts of a batch that are computed one after another for one update, to save "
        "memory. Batch norm normalizes each part separately.",
        minimum=1,
        maximum=LARGEST_BATCH,
        was=1,
    )
    deterministic: bool = field(
        False,
        "Use only operations whose results are the same to the bit each time, and "
        "write the SHA-256 of the weights into each report.",
        was=False,
    )
    keep_checkpoints: int = field(
        2,
        "Number of checkpoints to keep for resuming, in addition to the best weights.",
        minimum=1,
        local=True,
    )
    steps_per_call: int = field(
        0,
        "Updates in one call of the compiled loop; 0: by measurement, so that a "
        "call lasts one to two seconds.",
        minimum=0,
        maximum=LARGEST_STEP,
        local=True,
    )

    profile_steps: tuple[float, ...] | None = field(
        None,
        "START,END: record TensorBoard's profile of the updates after START, up to "
        "END, in the run folder.",
        local=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train_batch_size % self.lanes:
            raise SettingError(
                f"lanes must divide train_batch_size={self.train_batch_size}, "
                f"received {self.lanes}"
            )
        if self.train_batch_size % (self.lanes * self.accumulate):
            raise SettingError(
                f"accumulate must divide train_batch_size={self.train_batch_size}"
                f"{f' over lanes={self.lanes}' if self.lanes > 1 else ''}, "
                f"received {self.accumulate}"
            )
        self._check_profile_steps()
        if self.sync_batch_norm and self.lanes > 1:
            raise SettingError(
                f"sync_batch_norm needs lanes=1, received {self.lanes}: each lane is "
                "normalized separately"
            )
        self._check_kernels()
        if self.grow and self.init_from is None:
            raise SettingError("grow needs init_from, received grow alone")
        self._check_teacher()
        if self.freeze != "none" and self.init_from is None:
            raise SettingError(
                f"freeze needs init_from, received freeze={self.freeze} alone"
            )

    def _check_teacher(self) -> None:
        if self.teacher is not None:
            return
        for name in ("teacher_share", "teacher_temperature"):
            value = getattr(self, name)
            if value != getattr(type(self), name):
                raise SettingError(f"{name} needs teacher, received {value} alone")

    def _check_kernels(self) -> None:
        if not self.kernels.startswith("native"):
            return
        if self.mixed_precision != "float32":
            raise SettingError(
                f"kernels={self.kernels} needs mixed_precision=float32, received "
                f"{self.mixed_precision}"
            )
        if self.jit_compile:
            raise SettingError(
                f"kernels={self.kernels} needs jit_compile=False, received True"
            )

    def _check_profile_steps(self) -> None:
        if self.profile_steps is None:
            return
        whole = all(step == int(step) for step in self.profile_steps)
        if whole and len(self.profile_steps) == 2:
            start, end = self.profile_steps
            if 0 <= start < end <= self.train_steps:
                return
        raise SettingError(
            "profile_steps must be two whole numbers START,END with 0 <= START < END "
            f"<= train_steps={self.train_steps}, received "
            f"{','.join(f'{step:g}' for step in self.profile_steps)!s:.80}"
        )
