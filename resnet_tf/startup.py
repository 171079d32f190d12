"""Imports TensorFlow for the first time in a process and configures it."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from resnet_tf.errors import SettingError

BACKEND = "tensorflow"
_KERAS = {"backend": BACKEND, "image_data_format": "channels_last"}


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their start-up messages.

    TensorFlow's libraries write these messages to stderr while they load, before any
    log level applies. They are shown only if the import fails.

    On CPUs, oneDNN's kernels are enabled unless `TF_ENABLE_ONEDNN_OPTS` is set. By
    default TensorFlow uses them only on CPUs with instructions beyond AVX-512, and is
    far slower on others (docs/performance.md).

    Keras uses the TensorFlow backend, whatever its own file `keras.json` says. GPU
    memory is allocated as needed.

    Raises:
        SettingError: If the environment or an earlier import selects another backend,
            another Keras or another axis order, or a package is not installed.
    """
    _require_environment()
    os.environ["KERAS_BACKEND"] = BACKEND
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "tensorflow" not in sys.modules:
        _import_quietly()
    import keras
    import tensorflow as tf

    for name, wanted in _KERAS.items():
        found = getattr(keras.config, name)()
        if found != wanted:
            raise SettingError(
                f"Keras's {name} must be {wanted}, received {found} (keras.json in "
                "~/.keras or KERAS_HOME)"
            )
    # With TensorFloat-32, GPUs would round float32 products to 10 bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for device in tf.config.list_physical_devices("GPU"):
        # TensorFlow refuses the change if the device is already in use.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(device, True)


def _require_environment() -> None:
    backend = os.environ.get("KERAS_BACKEND", BACKEND)
    if backend != BACKEND:
        raise SettingError(f"KERAS_BACKEND must be {BACKEND}, received {backend!r}")
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "0")
    if legacy.lower() in ("1", "true"):
        raise SettingError(
            f"TF_USE_LEGACY_KERAS must be 0 or unset, received {legacy!r}: Keras 3 is "
            "needed"
        )


def one_thread_an_operation() -> None:
    """Limits TensorFlow to one thread per operation, so each lane has its own core.

    This has no effect once the process has used TensorFlow. If the batch is not split
    into lanes, several cores per operation are faster.
    """
    # TensorFlow reads this when it starts its threads.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def _import_quietly() -> None:
    missing = None
    with hidden_stderr():
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except ModuleNotFoundError as error:
            missing = error
    if missing:
        raise SettingError(
            f"{missing.name} must be installed, received none: run pip install -e . in "
            "the clone"
        ) from missing


@contextlib.contextmanager
def hidden_stderr(shown_on_error: bool = True) -> Iterator[None]:
    """Hides the text that libraries write to the process's stderr.

    Args:
        shown_on_error: Whether to show the hidden text after an error.
    """
    sys.stderr.flush()
    visible = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException as error:
            if shown_on_error and not isinstance(error, KeyboardInterrupt):
                hidden.seek(0)
                os.write(visible, hidden.read())
            raise
        finally:
            os.dup2(visible, 2)
            os.close(visible)
