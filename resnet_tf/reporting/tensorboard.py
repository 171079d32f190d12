"""Writes TensorBoard logs of a run: numbers, the graph, pictures, histograms."""

import contextlib
import errno
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from resnet_tf.runs.history import Row


class TensorBoard:
    """Writes to the log folder of a run.

    Numbers and the graph do not need TensorBoard. If it is not installed, the rest is
    skipped.

    Args:
        folder: The log folder; a resumed run adds to it.

    Attributes:
        complete: Whether TensorBoard is installed.

    Raises:
        OSError: In each method, if the folder cannot be written.
    """

    def __init__(self, folder: Path):
        self.complete = importlib.util.find_spec("tensorboard") is not None
        # The metadata that `tf.summary.scalar` writes; that function needs TensorBoard.
        summary = tf.compat.v1.SummaryMetadata
        self._scalar = summary(plugin_data=summary.PluginData(plugin_name="scalars"))
        with _os_errors():
            self._writer = tf.summary.create_file_writer(str(folder))

    def append(self, row: Row) -> None:
        """Writes the numbers of a report under the names of their columns."""
        values = asdict(row)
        step = values.pop("step")
        self.scalars({k: v for k, v in values.items() if isinstance(v, float)}, step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Writes numbers by name; a name can have a group before a "/"."""
        with self._writing(step):
            for name, value in values.items():
                number = tf.constant(value, tf.float32)
                tf.summary.write(name, number, metadata=self._scalar)

    def graph(self, graph: tf.Graph) -> None:
        """Writes the computation graph."""
        with self._writing(0):
            tf.summary.graph(graph)

    def settings(self, values: Mapping[str, Any]) -> None:
        """Writes the settings of the run, for TensorBoard's table of runs."""
        if not self.complete:
            return
        from tensorboard.plugins.hparams import api

        plain = (bool, int, float, str)
        with self._writing(0):
            api.hparams({
                name: value if isinstance(value, plain) else str(value)
                for name, value in values.items()
            })  # fmt: skip

    def images(self, name: str, images: np.ndarray, step: int) -> None:
        """Writes pictures, uint8 array (N, H, W, 3)."""
        if self.complete:
            with self._writing(step):
                tf.summary.image(name, images, max_outputs=len(images))

    def histograms(self, values: Mapping[str, np.ndarray], step: int) -> None:
        """Writes histograms of arrays of any shape, by name."""
        if not self.complete:
            return
        # `tf.summary.histogram` runs dozens of operations per histogram.
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb

        found = [histogram_pb(name, array) for name, array in values.items()]
        with self._writing(step):
            for summary in found:
                tf.summary.experimental.write_raw_pb(summary.SerializeToString())

    def close(self) -> None:
        """Closes the file."""
        with _os_errors():
            self._writer.close()

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        with _os_errors():
            with self._writer.as_default(step=step):
                yield
            self._writer.flush()


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, error.message) from error
