"""Measures the time per type of operation with TensorFlow's profiler."""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from resnet_tf.errors import SettingError

_HOST = "/host:CPU"
# "path/of/the/operation:Type"; the CPU variants of a type count as that type.
_EVENT = re.compile(r"[^:]+:_?(?:Mkl)?(?:Native)?(\w+)")
# These only call other operations, which are counted themselves.
_CALLS = {"If", "PartitionedCall", "StatefulPartitionedCall", "StatelessIf",
          "StatelessWhile", "While"}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """All runs of one type of operation.

    Attributes:
        type: TensorFlow's name of the type, e.g. "Conv2DBackpropFilter".
        count: Number of runs.
        seconds: Sum of the durations. Operations run in parallel and can share a core,
            so the sum over all types exceeds the elapsed time.
    """

    type: str
    count: int
    seconds: float


def profiled(run: Callable[[], None]) -> list[Operation]:
    """Returns the operations of a call, longest first.

    Only CPU operations are included; work on an accelerator appears as its launches.

    Args:
        run: The function to profile; it is already compiled.

    Raises:
        SettingError: If this TensorFlow version does not give access to profiles.
    """
    reader = _reader()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            run()
        finally:
            tf.profiler.experimental.stop()
        files = Path(folder).rglob("*.xplane.pb")
        return read(reader.XSpace.FromString(path.read_bytes()) for path in files)


def read(spaces: Iterable[Any]) -> list[Operation]:
    """Returns the operations of a profile, longest first.

    Args:
        spaces: The `XSpace` of each file of TensorFlow's profiler.
    """
    counts: Counter[str] = Counter()
    picoseconds: Counter[str] = Counter()
    for plane in (plane for space in spaces for plane in space.planes):
        if plane.name != _HOST:
            continue
        types = {
            number: match[1]
            for number, event in plane.event_metadata.items()
            if (match := _EVENT.fullmatch(event.name)) and match[1] not in _CALLS
        }
        for line in plane.lines:
            for event in line.events:
                if name := types.get(event.metadata_id):
                    counts[name] += 1
                    picoseconds[name] += event.duration_ps
    return [
        Operation(name, counts[name], total / 1e12)
        for name, total in picoseconds.most_common()
    ]


def _reader() -> Any:
    """Returns the module that reads profiles."""
    try:
        from tensorflow.tsl.profiler.protobuf import xplane_pb2
    except ImportError as error:
        raise SettingError(
            "profile needs a TensorFlow with tensorflow.tsl.profiler (e.g. 2.21), "
            f"received TensorFlow {tf.__version__}"
        ) from error
    return xplane_pb2
