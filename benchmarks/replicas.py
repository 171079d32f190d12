"""Measures the training speed of one network with one and several replicas.

    python benchmarks/replicas.py --json_output=docs/benchmarks/scale.json

The batch size is constant; each replica gets a part of the batch. With `--gpu`, the
replicas are this machine's GPUs, with `--strategy=mirrored`. Without it, they are
processes that share the cores, started by `launch`. The trainings run one after the
other.
"""

import statistics
import sys
from typing import Any

from absl import app, flags
from harness.arguments import require_no_arguments
from harness.machine import busy_share, environment
from harness.paths import command
from harness.record import make_room, write
from harness.replicas import measured

flags.DEFINE_string("json_output", None, "File for the result.")
flags.DEFINE_string("model", "resnet20", "The network.")
flags.DEFINE_integer("batch", 128, "Images per update.", lower_bound=1)
flags.DEFINE_integer("updates", 12, "Updates between two readings.", lower_bound=1)
flags.DEFINE_integer("readings", 5, "Readings of each training.", lower_bound=2)
flags.DEFINE_multi_integer("replicas", [1, 2], "Numbers of replicas.")
flags.DEFINE_bool("gpu", False, "Use GPUs as replicas.")


def main(argv) -> None:
    """Trains with each number of replicas, prints and writes the record."""
    require_no_arguments(argv)
    values = flags.FLAGS
    make_room(values.json_output)
    record: dict[str, Any] = {
        "command": command("benchmarks/replicas.py", sys.argv[1:]),
        "model": values.model,
        "batch": values.batch,
        "replicas_are": "GPUs" if values.gpu else "processes",
        "busy_before": busy_share(),
        **environment(),
        "rows": [],
    }
    for replicas in values.replicas:
        for synced in [False, True][: 1 + (replicas > 1)]:
            row = measured(
                values.model,
                replicas,
                batch=values.batch,
                updates=values.updates,
                readings=values.readings,
                synced=synced,
                gpu=values.gpu,
            )
            record["rows"].append(row)
            speed = statistics.median(row["images_per_second"])
            print(f"{replicas} replicas, synced {synced}: {speed:.1f} images/s")
            write(record, values.json_output)


if __name__ == "__main__":
    app.run(main)
