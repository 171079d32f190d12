"""The rows of a run as TensorBoard scalars, written without TensorBoard itself."""

import errno
from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

from resnet_tf.reporting.history import Row


class TensorBoard:
    """Writes each report's numbers under their column names.

    Args:
        folder: The log folder; a resumed run adds to it.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, folder: Path):
        # As `tf.summary.scalar` has it, which needs TensorBoard to be installed.
        summary = tf.compat.v1.SummaryMetadata
        self._scalar = summary(plugin_data=summary.PluginData(plugin_name="scalars"))
        try:
            self._writer = tf.summary.create_file_writer(str(folder))
        except tf.errors.OpError as error:
            raise OSError(errno.EIO, error.message) from error

    def append(self, row: Row) -> None:
        """Writes a report and flushes it to disk.

        Raises:
            OSError: If it cannot be written.
        """
        scalars = asdict(row)
        step = scalars.pop("step")
        try:
            with self._writer.as_default(step=step):
                for name, value in scalars.items():
                    if isinstance(value, float):
                        number = tf.constant(value, tf.float32)
                        tf.summary.write(name, number, metadata=self._scalar)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise OSError(errno.EIO, error.message) from error

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()
