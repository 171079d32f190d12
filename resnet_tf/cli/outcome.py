"""How a command ends: one line for what the user can mend, and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from resnet_tf.errors import ResnetTfError, StoppedError

USAGE, STOPPED = 2, 75


def fail(message: str, code: int) -> NoReturn:
    """Prints `message` as one line on stderr and exits with `code`."""
    print("error:", " ".join(message.split()), file=sys.stderr, flush=True)
    sys.exit(code)


def guarded(main: Callable[[], None], stopped: str = "stopped") -> None:
    """Calls `main`; the package's own errors end in `fail`, without a traceback.

    Args:
        main: The command.
        stopped: The line after Ctrl-C.
    """
    try:
        main()
    except StoppedError as stop:
        print(stop, file=sys.stderr, flush=True)
        sys.exit(stop.exit_code)
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr, flush=True)
        sys.exit(STOPPED)
    except ResnetTfError as error:
        fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
