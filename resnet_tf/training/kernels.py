"""The kernels that compute a run: chosen once, recorded, and kept to its end."""

from resnet_tf import native
from resnet_tf.config import ExperimentConfig, TrainConfig
from resnet_tf.config.fields import AUTO
from resnet_tf.distribution.workers import Workers
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.runs.extend import other_way
from resnet_tf.runs.folder import RunFolder

TENSORFLOW = "tensorflow"
# From the oldest instruction set to the newest. A CPU supports all kernels before the
# newest that it supports.
_ORDER = (TENSORFLOW, *(f"native_{name}" for name in reversed(native.INSTRUCTIONS)))


def take_kernels(train: TrainConfig) -> str:
    """Selects the kernels of this process and returns their name.

    The instruction set of the native kernels applies to the whole process.

    Args:
        train: Settings of the run.

    Returns:
        "tensorflow", or "native_" followed by an instruction set.

    Raises:
        SettingError: If the kernels that `train.kernels` names cannot run here.
    """
    if why := native.obstacle(train.kernels):
        raise SettingError(f"kernels={train.kernels} is not possible here: {why}")
    able = train.mixed_precision == "float32" and not train.jit_compile
    kernels = native.resolved(train.kernels, able)
    if kernels != TENSORFLOW:
        native.use_instructions(kernels.removeprefix("native_"))
    return kernels


def settle_kernels(folder: RunFolder, workers: Workers) -> ExperimentConfig:
    """Records the kernels of a run and returns the experiment with them.

    Workers with different CPUs use the fastest kernels that all of them support. All
    workers must call this.

    Args:
        folder: The run folder, held by the chief.
        workers: The workers of the run.

    Raises:
        CheckpointError: If the run began with kernels that cannot run here.
        SettingError: If the requested kernels cannot run here.
    """
    config = folder.config
    asked = config.train.kernels
    if folder.states.is_dir() and (why := native.obstacle(asked)):
        raise CheckpointError(
            f"run folder {folder.path} must resume with kernels={asked}, which is not "
            f"possible here: {why}; {other_way(folder.path, config, config)}"
        )
    kernels = take_kernels(config.train)
    ranks = workers.gather([_ORDER.index(kernels)])
    if asked in (AUTO, "native"):
        kernels = _ORDER[ranks.min()]
        kernels = take_kernels(config.with_kernels(kernels).train)
    folder.settle(config.with_kernels(kernels), write=workers.chief)
    return folder.config


def kernels_title(kernels: str) -> str:
    """Returns the kernels in words, e.g. "native kernels (avx512)"."""
    _, _, instructions = kernels.partition("_")
    return (
        f"native kernels ({instructions})" if instructions else "TensorFlow's kernels"
    )
