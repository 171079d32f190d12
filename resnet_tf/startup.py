"""The first import of TensorFlow in a process."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from resnet_tf.errors import SettingError


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their start-up lines.

    TensorFlow's libraries write them to the process's stderr while they load,
    before any log level counts. They are shown after all if the import fails.

    CPUs take oneDNN's kernels, unless `TF_ENABLE_ONEDNN_OPTS` says otherwise: by
    itself TensorFlow takes them only where there are instructions beyond AVX-512,
    and is far slower elsewhere (docs/performance.md).

    Raises:
        ImportError: If TensorFlow or Keras cannot be imported.
        SettingError: If Keras is told to use another backend.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise SettingError(f"KERAS_BACKEND must be tensorflow, received {backend!r}")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "tensorflow" not in sys.modules:
        _import_quietly()
    import tensorflow as tf

    # float32 means float32: GPUs would round its products to 10 bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def one_thread_an_operation() -> None:
    """Lets a batch be computed in lanes, each on a core of its own.

    For a process that has not used TensorFlow yet. With the whole batch in one
    piece, several cores on one operation are faster.
    """
    # Read when TensorFlow starts its threads.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def _import_quietly() -> None:
    with hidden_stderr():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hides what libraries write to the process's stderr, unless there is an error."""
    sys.stderr.flush()
    visible = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(visible, hidden.read())
            raise
        finally:
            os.dup2(visible, 2)
            os.close(visible)
