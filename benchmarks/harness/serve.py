"""What a measured process does: turns on request, answers in lines of JSON.

Runs in a peer's interpreter too: standard library only.
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

# A function that does so many steps, and what is known of it beforehand.
Work = tuple[Callable[[int], None], dict[str, Any]]


def serve(make: Callable[[dict[str, Any]], Work]) -> None:
    """Serves one loop until stdin ends.

    The first answer holds the facts of the loop, among them `amount`, what one
    step gets done (images, operations or bytes), or `absent`, why it cannot run
    here. Then each line of stdin is a number of steps, and its answer their
    `seconds` and `peak_bytes`, the largest resident memory so far above that of
    the first answer. One step that is not timed goes before the others: what
    a process frees while it sleeps is given back to the machine.

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
    """Gives a function that answers; what libraries print goes to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        yield lambda **values: print(json.dumps(values), file=answers, flush=True)


def _start_of_peak() -> int:
    """Returns the resident bytes, and lets the peak begin anew from here."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    """Returns a field of this process's status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])
