"""Several workers of one run on this host, as processes that end together."""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from resnet_tf.disk import write_text
from resnet_tf.errors import OutputError, PeerError, StoppedError
from resnet_tf.machine import cores
from resnet_tf.ownership import listed
from resnet_tf.streams import error_line

_POLL = 0.1  # seconds
_GRACE = 8.0  # seconds for a worker to end by itself, and again after SIGTERM
# What marks a folder whose worker-*.log are replaced by the next launch.
_MARKER = "launch.txt"
_MARK = "python -m resnet_tf launch writes and replaces worker-*.log here.\n"
_FINE = (0, StoppedError.exit_code)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class _Worker:
    """A process, its log, and how much of that has been shown."""

    process: subprocess.Popen
    log: Path
    shown: int = field(default=0)


def launch(command: Sequence[str], workers: int, log_dir: Path) -> int:
    """Runs a command in several processes; shows what the first of them prints.

    Each has the `TF_CONFIG` of a worker, with free ports, and a share of the cores.
    SIGTERM and Ctrl-C are passed on. Once one has failed, the others, which lose
    their peer, get a few seconds to end; then they are ended.

    Args:
        command: Program and arguments.
        workers: Processes.
        log_dir: Folder for `worker-0.log`, `worker-1.log` ...

    Returns:
        0 if all have finished, else the exit code of what happened first: 75 stopped
        and resumable, 7 a worker was killed or lost its peer, another that of its
        error.

    Raises:
        OSError: If the logs cannot be written.
        OutputError: If the folder holds logs of another program.
    """
    _claim(log_dir, [f"worker-{index}.log" for index in range(workers)])
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    started: list[_Worker] = []
    with _passing_on(started):
        for index in range(workers):
            log = log_dir / f"worker-{index}.log"
            started.append(_start(command, addresses, index, log))
        first = _watch(started)
    if first is None:
        stopped = any(worker.process.returncode for worker in started)
        return StoppedError.exit_code if stopped else 0
    print(error_line(_obituary(started, first)), file=sys.stderr, flush=True)
    code = started[first].process.returncode
    return code if code > 0 else PeerError.exit_code


def _claim(log_dir: Path, logs: Sequence[str]) -> None:
    """Makes the folder of the logs and marks it, unless other logs lie there."""
    log_dir.mkdir(parents=True, exist_ok=True)
    marker = log_dir / _MARKER
    found = [name for name in logs if os.path.lexists(log_dir / name)]
    if found and not marker.is_file():
        raise OutputError(
            f"log_dir must hold no logs of another program, received {log_dir}, which "
            f"holds {listed(found)}"
        )
    write_text(marker, _MARK)


def _start(
    command: Sequence[str], addresses: list[str], index: int, log: Path
) -> _Worker:
    task = {"type": "worker", "index": index}
    threads = str(max(1, cores() // len(addresses)))
    environment = {
        "TF_NUM_INTRAOP_THREADS": threads,
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task}),
    }
    with open(log, "wb") as file:
        # A session of its own: Ctrl-C reaches it once, from here.
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    print(f"worker {index}: process {process.pid}, {log}", flush=True)
    return _Worker(process, log)


def _watch(workers: list[_Worker]) -> int | None:
    """Returns when all have ended: the number of the one that failed first, if any."""
    first, patience, urges = None, math.inf, [signal.SIGTERM, signal.SIGKILL]
    while None in [worker.process.poll() for worker in workers]:
        _show(workers[0])
        if patience == math.inf and _failed(workers) is not None:
            patience = time.monotonic() + _GRACE
        elif urges and time.monotonic() > patience:
            # Who fails from here on was ended.
            first = _failed(workers) if first is None else first
            _signal(workers, urges.pop(0))
            patience += _GRACE
        time.sleep(_POLL)
    _show(workers[0])
    return _failed(workers) if first is None else first


def _failed(workers: list[_Worker]) -> int | None:
    """Returns the number of a worker that has failed: rather one with an error of its
    own than one that lost a peer."""
    codes = {i: worker.process.returncode for i, worker in enumerate(workers)}
    failed = [i for i, code in codes.items() if code is not None and code not in _FINE]
    return min(failed, key=lambda i: codes[i] == PeerError.exit_code, default=None)


def _obituary(workers: list[_Worker], index: int) -> str:
    worker = workers[index]
    code = worker.process.returncode
    how = (
        f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
    )
    last = worker.log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
    said = f", saying {last[0]!r}" if last and code > 0 else ""
    # What else ends a worker would end it again.
    again = "; the same command goes on from the last checkpoint"
    lost = code < 0 or code == PeerError.exit_code
    return (
        f"worker {index} of {len(workers)} {how}{said}; all are ended, see "
        f"{worker.log}{again * lost}"
    )


def _show(worker: _Worker) -> None:
    """Prints what has been added to a log."""
    with open(worker.log, "rb") as file:
        file.seek(worker.shown)
        text = file.read()
    worker.shown += len(text)
    if text:
        _output().write(text)
        _output().flush()


def _output() -> BinaryIO:
    return sys.stdout.buffer


def _signal(workers: list[_Worker], number: signal.Signals) -> None:
    for worker in workers:
        # Does nothing to one that has ended.
        worker.process.send_signal(number)


@contextlib.contextmanager
def _passing_on(workers: list[_Worker]) -> Iterator[None]:
    """Passes signals on to the workers, whose list may still grow; after an error
    none is left."""
    previous = {
        number: signal.signal(number, lambda number, _: _signal(workers, number))
        for number in _SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for worker in workers:
            worker.process.kill()
            worker.process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        doors = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [door.getsockname()[1] for door in doors]
