"""From a config to a finished run."""

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
    """Trains a network, or goes on where an earlier call stopped.

    SIGTERM or Ctrl-C saves after the update at hand and raises `StoppedError`; a second
    one ends the process at once. A kill loses the updates since the last report.

    The folder of the run holds everything: `config.json`, `data.json` (which images),
    `history.csv`, `tensorboard/`, `model.weights.h5` (the last weights), `best/` (the
    best on validation), `checkpoints/` (to go on from), `curves.png` and, at the end,
    `summary.json`. A finished run is not done again; it goes on if `train_steps` is
    larger and the rates so far stay the same. One process at a time can use it.

    Where several workers do a run together (`TrainConfig.strategy`), all of them call
    this and all can read the folder; the first of them writes. Their number and that
    of their devices may differ from one call to the next.

    Args:
        config: The experiment.
        run_dir: Its folder; `runs/<config.run_name()>` if None.
        until: Stop after so many updates, as after a signal; None: go to the end.
        on_call: Called with the updates done after each call of the compiled loop.
        on_report: Called by the first worker after each report is saved, with its row
            and the network, which it must not change. What it raises ends the call.

    Returns:
        The summary. Errors are in percent, of the last weights, computed in
        float32; those of the best weights have the prefix `best_`. `seconds` is
        the time from the first update to the last report, `images_per_second`
        the median of the reports. One of several workers adds `worker`, its
        number.

    Raises:
        CheckpointError: If the folder belongs to another experiment or was trained on
            other images, none of its states is whole, or the weights of `init_from`
            are not available, are damaged or of another network.
        DataError: If the data set is not available.
        DivergedError: If the loss or a weight is no finite number any more.
        PeerError: If another worker does not come in time, or is lost.
        RunFolderError: If the folder is in use, full or not writable.
        SettingError: If `config` is none, the batch does not divide over the
            devices, the workers are named wrongly or were told different things,
            `init_from` is not for this network, or `until` is below 1.
        StoppedError: If a signal or `until` stopped the run; another call goes on.
    """
    _check(config, until)
    folder = RunFolder(user_path(run_dir or f"runs/{config.run_name()}"), config)
    summary = folder.summary()
    if summary is not None:
        require_same_data(folder.data, config.data)
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
    """Does the run, alone or with other workers; the chief has the folder."""
    config = folder.config
    cluster = find_cluster(config.train.strategy, os.environ)
    chief = cluster is None or cluster.index == 0
    with folder.held() if chief else contextlib.nullcontext():
        with _met(config, cluster):
            # Here and not above: nothing before this line needs TensorFlow.
            if config.train.lanes > 1:
                one_thread_an_operation()
            import_tensorflow()
            from resnet_tf.training.loop import run
        return run(folder, cluster, until, on_call, on_report)


def _met(
    config: ExperimentConfig, cluster: Cluster | None
) -> contextlib.AbstractContextManager:
    """Meets the other workers; the context keeps this one's place for TensorFlow."""
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
