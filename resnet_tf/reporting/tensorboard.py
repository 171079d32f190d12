"""The rows of a run as TensorBoard scalars."""

from dataclasses import asdict
from pathlib import Path

import tensorflow as tf

from resnet_tf.reporting.history import Row


class TensorBoard:
    """Writes each report under its column name.

    Args:
        folder: The log folder; a resumed run adds to it.
    """

    def __init__(self, folder: Path):
        self._writer = tf.summary.create_file_writer(str(folder))

    def append(self, row: Row) -> None:
        """Writes a report and flushes it to disk."""
        scalars = asdict(row)
        step = scalars.pop("step")
        with self._writer.as_default(step=step):
            for name, value in scalars.items():
                if value is not None:
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()
