"""The first import of TensorFlow in a process."""

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their start-up lines.

    TensorFlow's libraries write them to the process's stderr while they load,
    before any log level counts. They are shown after all if the import fails.
    Does nothing where TensorFlow has been imported already.

    Raises:
        ImportError: If TensorFlow or Keras cannot be imported.
    """
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    visible = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except BaseException:
            hidden.seek(0)
            os.write(visible, hidden.read())
            raise
        finally:
            os.dup2(visible, 2)
            os.close(visible)
