"""Training from a config to a finished run."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_tf.config import ExperimentConfig, positive
from resnet_tf.data.sources import ensure_available
from resnet_tf.disk import user_path
from resnet_tf.distribution.cluster import Cluster, find_cluster
from resnet_tf.distribution.rendezvous import meet
from resnet_tf.errors import SettingError
from resnet_tf.runs.data import require_same_data
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import Row
from resnet_tf.startup import import_tensorflow, one_thread_an_operation

if TYPE_CHECKING:
    import keras


def train(
    config: ExperimentConfig,
    run_dir: str | Path | None = None,
    *,
    until: int | None = None,
    on_call: Callable[[int], None] | None = None,
    on_report: Callable[[Row, "keras.Model"], None] | None = None,
) -> dict[str, Any]:
    """Trains a network, or resumes where an earlier call stopped.

    SIGTERM or Ctrl-C saves after the current update and raises `StoppedError`; a second
    signal ends the process at once. A kill loses the updates since the last report.

    The run folder holds everything: `config.json`, `data.json` (which images, and which
    teacher), `history.csv`, `tensorboard/`, `model.weights.h5` (the last weights),
    `best/` (the best on validation), `checkpoints/` (to resume from), `curves.png` and,
    at the end, `summary.json`. A finished run continues only if `train_steps` is larger
    and the rates so far stay the same. One process at a time can use the folder.

    If several workers train together (`TrainConfig.strategy`), all of them call this
    and must be able to read the folder; the first one writes. The number of workers and
    of devices can differ from one call to the next.

    Args:
        config: The experiment.
        run_dir: The run folder; `runs/<config.run_name()>` if None.
        until: Number of updates after which to stop; None trains to the end.
        on_call: Called with the number of updates done, after each compiled call.
        on_report: Called by the first worker after each saved report, with its row and
            the saved network, which it must not change. Its exceptions end the call.

    Returns:
        The summary. Errors are in percent, computed in float32 with the last weights;
        errors of the best weights have the prefix `best_`. `seconds` is the time from
        the first update to the last report, and `images_per_second` the median over the
        reports. With several workers, `worker` is the index of this one.

    Raises:
        CheckpointError: If the folder belongs to another experiment, images or teacher,
            if none of its states is intact, or if `init_from` or `teacher` is missing,
            damaged or of another network.
        DataError: If the data set is missing and cannot be downloaded.
        DivergedError: If the loss or a weight is no longer finite.
        PeerError: If another worker does not connect in time, or is lost.
        RunFolderError: If the folder is in use, full or not writable.
        SettingError: If `config` is not an `ExperimentConfig`, the batch does not
            divide over the devices, the workers are described wrongly or have different
            settings, `init_from` does not fit this network, `teacher` does not fit
            this task, or `until` is below 1.
        StoppedError: If a signal or `until` stopped the run; another call resumes it.
    """
    _check(config, until)
    folder = RunFolder(user_path(run_dir or f"runs/{config.run_name()}"), config)
    summary = folder.summary()
    if summary is not None:
        require_same_data(folder.data, config.data, config.train.teacher)
        print(f"{folder.path} is finished", flush=True)
        return summary
    ensure_available(config.data)
    return _work(folder, until, on_call, on_report)


def _work(
    folder: RunFolder,
    until: int | None,
    on_call: Callable[[int], None] | None,
    on_report: Callable[[Row, "keras.Model"], None] | None,
) -> dict[str, Any]:
    """Trains, alone or with other workers; the chief locks the folder."""
    config = folder.config
    cluster = find_cluster(config.train.strategy, os.environ)
    chief = cluster is None or cluster.index == 0
    with folder.held() if chief else contextlib.nullcontext():
        with _met(config, cluster):
            # TensorFlow is imported only now: nothing before this line needs it.
            if config.train.lanes > 1:
                one_thread_an_operation()
            import_tensorflow()
            from resnet_tf.training.loop import run
        return run(folder, cluster, until, on_call, on_report)


def _met(
    config: ExperimentConfig, cluster: Cluster | None
) -> contextlib.AbstractContextManager:
    """Meets the other workers; the context reserves a port for TensorFlow."""
    if cluster is None:
        return contextlib.nullcontext()
    return meet(cluster, config.train.peer_timeout)


def _check(config: ExperimentConfig, until: int | None) -> None:
    if not isinstance(config, ExperimentConfig):
        raise SettingError(
            f"config must be an ExperimentConfig, received {type(config).__name__}"
        )
    if until is not None:
        positive("until", until)
