"""A rendezvous of the workers, within a time limit, before TensorFlow connects them.

TensorFlow itself waits forever and blocks signals and Python's threads.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from resnet_tf.distribution.cluster import Cluster
from resnet_tf.errors import PeerError, SettingError

_POLL, _LONGEST_TRY = 0.1, 2.0  # seconds

# Kills a process that no longer reacts, unless the input of this script ends first.
_WATCH = """
import os, select, signal, sys
seconds, process, line = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if not select.select([0], [], [], seconds)[0]:
    os.write(2, f"error: {line}\\n".encode())
    os.kill(process, signal.SIGKILL)
"""


def meet(cluster: Cluster, seconds: float) -> socket.socket:
    """Waits until every worker has been reached.

    Each worker listens at the port that TensorFlow will use, and connects to the ports
    of the others.

    Args:
        cluster: The workers.
        seconds: Maximum time to wait for them.

    Returns:
        The listening socket; close it right before TensorFlow takes the port.

    Raises:
        PeerError: If a worker cannot be reached in that time.
        SettingError: If the port of this worker is taken.
    """
    door = _listening(cluster)
    try:
        missing = {address: "" for address in cluster.peers}
        end = time.monotonic() + seconds
        while missing := _unreachable(missing):
            if time.monotonic() > end:
                raise PeerError(_absent(cluster, seconds, missing))
            time.sleep(_POLL)
    except BaseException:
        door.close()
        raise
    return door


@contextlib.contextmanager
def bounded(seconds: float, line: str) -> Iterator[None]:
    """Context that kills this process, after a line on stderr, on a timeout.

    Args:
        seconds: Maximum duration of the context.
        line: Message of the timeout.
    """
    arguments = [str(seconds), str(os.getpid()), line]
    command = [sys.executable, "-I", "-S", "-c", _WATCH, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE):
        # Its input ends with the context.
        yield


def _listening(cluster: Cluster) -> socket.socket:
    """Returns a socket that listens at this worker's port."""
    address = cluster.addresses[cluster.index]
    port = int(address.rpartition(":")[2])
    try:
        return socket.create_server(("", port), backlog=2 * len(cluster.addresses))
    except OSError as error:
        raise SettingError(
            f"port {port} of this worker, {address}, must be free, received: "
            f"{error.strerror}"
        ) from error


def _unreachable(addresses: dict[str, str]) -> dict[str, str]:
    """Returns the addresses that do not answer, each with the reason."""
    missing = {}
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _LONGEST_TRY).close()
        except OSError as error:
            missing[address] = str(error.strerror or error)
    return missing


def _absent(cluster: Cluster, seconds: float, missing: dict[str, str]) -> str:
    listed = ", ".join(f"{address} ({why})" for address, why in missing.items())
    return (
        f"{len(missing)} of the {len(cluster.addresses)} workers did not come within "
        f"{seconds:g} s: {listed}; start all of them (--peer_timeout is how long a "
        "start waits)"
    )
