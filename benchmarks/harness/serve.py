"""The main loop of a measured process: runs turns on request and answers in JSON.

This module also runs in the peers' interpreters, so it uses only the standard library.
"""

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A function that runs the given number of steps, and facts about the loop.
Work = tuple[Callable[[int], None], dict[str, Any]]


def serve(make: Callable[[dict[str, Any]], Work]) -> None:
    """Serves one loop until stdin ends.

    The first answer has the facts of the loop, including `amount`, the work of one
    step (number of images, operations or bytes); or it has `absent`, the reason why the
    loop cannot run here. Each line of stdin is a number of steps. Its answer has their
    `seconds`, and `peak_bytes`, the increase of the peak resident memory since the
    first answer. One untimed step precedes each turn, because the process returns its
    free memory to the system while it sleeps.

    Args:
        make: Returns the loop that the first argument of the process describes.
    """
    with _answers() as say:
        try:
            run, facts = make(json.loads(sys.argv[1]))
        except ImportError as error:
            say(absent=str(error))
            return
        before = _start_of_peak()
        say(**{"threads": len(os.sched_getaffinity(0)), **facts})
        for line in sys.stdin:
            run(1)
            start = time.perf_counter()
            run(int(line))
            seconds = time.perf_counter() - start
            say(seconds=seconds, peak_bytes=max(0, _status("VmHWM") - before))
            ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def _answers():
    """Yields a function that answers; redirects the output of libraries to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        yield lambda **values: print(json.dumps(values), file=answers, flush=True)


def _start_of_peak() -> int:
    """Returns the resident bytes, and resets the peak to this value."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    """Returns a field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])
