"""How a command ends: one line for what the user can fix, and an exit code."""

import errno
import sys
from collections.abc import Callable
from typing import NoReturn

from resnet_tf import streams
from resnet_tf.errors import OutputError, ResnetTfError, StoppedError
from resnet_tf.training.signals import interrupting

USAGE, STOPPED = 2, 75


def fail(message: str, code: int) -> NoReturn:
    """Prints `message` as one line on stderr and exits with `code`."""
    print(streams.error_line(message), file=sys.stderr, flush=True)
    sys.exit(code)


def guarded(main: Callable[[], None], stopped: str = "stopped") -> None:
    """Calls `main`; the package's own errors end in `fail`, without a traceback.

    Args:
        main: The command.
        stopped: The line after Ctrl-C or SIGTERM.
    """
    streams.prepare()
    try:
        _ended(main, stopped)
    except SystemExit as end:
        if not end.code:
            _require_output()
        raise
    _require_output()


def _ended(main: Callable[[], None], stopped: str) -> None:
    try:
        with interrupting():
            main()
    except StoppedError as stop:
        print(streams.visible(str(stop)), file=sys.stderr, flush=True)
        sys.exit(stop.exit_code)
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr, flush=True)
        sys.exit(STOPPED)
    except ResnetTfError as error:
        fail(str(error), error.exit_code)


def _require_output() -> None:
    """Fails if stdout has not taken everything; a reader that has ended is no fault."""
    error = streams.failure()
    if error is not None and error.errno != errno.EPIPE:
        fail(f"stdout cannot be written: {error.strerror}", OutputError.exit_code)
