"""Which operations hold the time, as TensorFlow's profiler sees them."""

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
# "path/of/the/operation:Type"; the CPU's forms of a type count as that type.
_EVENT = re.compile(r"[^:]+:_?(?:Mkl)?(?:Native)?(\w+)")
# These only call others, whose time is their own.
_CALLS = {"If", "PartitionedCall", "StatefulPartitionedCall", "StatelessIf",
          "StatelessWhile", "While"}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """All runs of one type of operation.

    Attributes:
        type: TensorFlow's name of it, such as "Conv2DBackpropFilter".
        count: Runs.
        seconds: Sum of their durations. Operations run side by side, and a core may
            serve several of them: the sum over the types exceeds the time passed.
    """

    type: str
    count: int
    seconds: float


def profiled(run: Callable[[], None]) -> list[Operation]:
    """Returns the operations of a call, the longest first.

    These are those of the CPU; of an accelerator only the launches.

    Args:
        run: What to profile, compiled already.

    Raises:
        SettingError: If this TensorFlow gives no access to its profiles.
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
    """Returns the operations of a profile, the longest first.

    Args:
        spaces: Each an `XSpace` of TensorFlow's profiler, one a file.
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
            "profile needs a TensorFlow with tensorflow.tsl.profiler, as 2.21 has it, "
            f"received TensorFlow {tf.__version__}"
        ) from error
    return xplane_pb2
