"""The first import of TensorFlow in a process."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from resnet_tf.errors import SettingError

BACKEND = "tensorflow"
_KERAS = {"backend": BACKEND, "image_data_format": "channels_last"}


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their start-up lines.

    TensorFlow's libraries write them to the process's stderr while they load,
    before any log level counts. They are shown after all if the import fails.

    CPUs take oneDNN's kernels, unless `TF_ENABLE_ONEDNN_OPTS` says otherwise: by
    itself TensorFlow takes them only where there are instructions beyond AVX-512,
    and is far slower elsewhere (docs/performance.md).

    Keras keeps to TensorFlow whatever its own file `keras.json` says. GPUs give memory
    as it is needed.

    Raises:
        SettingError: If the environment, or what has already been imported, is set
            to another backend, another Keras or another order of the axes; if a
            package is not installed.
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
    # float32 means float32: GPUs would round its products to 10 bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for device in tf.config.list_physical_devices("GPU"):
        # Too late where something else has used the device: that one's way stays.
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
    """Lets a batch be computed in lanes, each on a core of its own.

    For a process that has not used TensorFlow yet. With the whole batch in one
    piece, several cores on one operation are faster.
    """
    # Read when TensorFlow starts its threads.
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
            f"{missing.name} must be installed, received none; pip install -e . in the "
            "clone brings it"
        ) from missing


@contextlib.contextmanager
def hidden_stderr(shown_on_error: bool = True) -> Iterator[None]:
    """Hides what libraries write to the process's stderr.

    Args:
        shown_on_error: Whether it is shown after all if there is an error.
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
