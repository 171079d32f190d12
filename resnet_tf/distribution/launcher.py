"""A launcher of several workers of one run on this host, which end together."""

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
# This file marks a folder in which the next launch replaces worker-*.log.
_MARKER = "launch.txt"
_MARK = "python -m resnet_tf launch writes and replaces worker-*.log here.\n"
_FINE = (0, StoppedError.exit_code)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class _Worker:
    """A process, its log file, and the bytes of the log already shown."""

    process: subprocess.Popen
    log: Path
    shown: int = field(default=0)


def launch(command: Sequence[str], workers: int, log_dir: Path) -> int:
    """Runs a command in several processes and shows the output of the first.

    Each process gets the `TF_CONFIG` of a worker, with free ports, and a share of the
    cores. SIGTERM and Ctrl-C are forwarded. After one process fails, the others, which
    lose their peer, get a few seconds to end by themselves; then they are killed.

    Args:
        command: Program and its arguments.
        workers: Number of processes.
        log_dir: Folder for `worker-0.log`, `worker-1.log`, etc.

    Returns:
        0 if all have finished, else the exit code for the first event: 75 if stopped
        and resumable, 7 if a worker was killed or lost its peer, else the code of a
        worker's error.

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
    """Makes and marks the log folder; raises if it holds logs of another program."""
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
        # In its own session, it receives Ctrl-C only once: from this process.
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
    """Waits until all have ended; returns the index of the first failure, or None."""
    first, patience, urges = None, math.inf, [signal.SIGTERM, signal.SIGKILL]
    while None in [worker.process.poll() for worker in workers]:
        _show(workers[0])
        if patience == math.inf and _failed(workers) is not None:
            patience = time.monotonic() + _GRACE
        elif urges and time.monotonic() > patience:
            # Later failures are caused by the signals sent here.
            first = _failed(workers) if first is None else first
            _signal(workers, urges.pop(0))
            patience += _GRACE
        time.sleep(_POLL)
    _show(workers[0])
    return _failed(workers) if first is None else first


def _failed(workers: list[_Worker]) -> int | None:
    """Returns the index of a failed worker, or None.

    Prefers a worker with its own error to a worker that lost a peer.
    """
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
    # Any other error would occur again.
    again = "; the same command resumes from the last checkpoint"
    lost = code < 0 or code == PeerError.exit_code
    return (
        f"worker {index} of {len(workers)} {how}{said}; all are ended, see "
        f"{worker.log}{again * lost}"
    )


def _show(worker: _Worker) -> None:
    """Prints the lines added to a log since the last call."""
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
        # Does nothing if the process has ended.
        worker.process.send_signal(number)


@contextlib.contextmanager
def _passing_on(workers: list[_Worker]) -> Iterator[None]:
    """Context that forwards signals to the workers and kills them at its end.

    The list can grow in the context.
    """
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
