"""The tables of docs/scale.md: measured ones, and ones that are calculated."""

import json
import statistics
from collections.abc import Callable

from comparison import processor
from markup import facts, spread, table
from paths import DOCS

RECORD = DOCS / "benchmarks/scale.json"
NETWORKS = ("resnet110", "densenet_bc190_k40", "resnet1202")

# The assumed machines. Replace the values by your own.
BATCH = 1024  # images, over all replicas
OPERATIONS = 5e12  # a second: a GPU on small convolutions
LINKS = {"8 GPUs of one host": (8, 100e9), "8 hosts of 8 GPUs": (64, 3e9)}  # bytes/s
LATENCY = {"8 GPUs of one host": 20e-6, "8 hosts of 8 GPUs": 100e-6}  # s
INPUT = 20_000  # images/s that one core prepares
CORES = 8  # of a host, for the input


def measured() -> str:
    """The time of an update against the replicas."""
    if not RECORD.exists():
        return "Not measured."
    record = json.loads(RECORD.read_text())
    alone = statistics.median(record["rows"][0]["images_per_second"])
    rows = [
        [
            str(row["replicas"]),
            "yes" if row["sync_batch_norm"] else "no",
            spread(row["images_per_second"]),
            f"{1e3 * record['batch'] / middle:.0f}",
            f"{middle / alone:.2f}",
        ]
        for row in record["rows"]
        for middle in [statistics.median(row["images_per_second"])]
    ]
    known = {
        "network": f"`{record['model']}`, float32",
        "batch": f"{record['batch']} over all replicas",
        "replicas": f"{record['replicas_are']} of one machine",
        "machine": processor(record["machine"]),
        "versions": f"TensorFlow {record['versions']['tensorflow']}",
        "cores that other programs used before": f"{100 * record['busy_before']:.0f} %",
    }
    head = ["replicas", "synchronized batch norm", "images/s", "ms a step", "speedup"]
    return f"{table(head, rows)}\n\n{facts(known)}"


def networks() -> str:
    """The arithmetic and the exchanges of one update of each network."""
    rows = []
    for name, counts in _counts().items():
        rows.append(
            [
                f"`{name}`",
                f"{counts['parameters']:,}",
                f"{_exchanged(counts) / 1e6:.1f} MB",
                f"{_moving(counts) / 1e3:.0f} kB in {_exchanges(counts):,} exchanges",
                f"{_operations(counts) / 1e9:.2f}",
            ]
        )
    head = ["network", "parameters", "gradients a step", "moving averages a step"]
    return table([*head, "GFLOP an image"], rows)


def saturation() -> str:
    """The limit of an update on assumed machines."""
    rows = []
    for place, (replicas, link) in LINKS.items():
        for name, counts in _counts().items():
            compute = _operations(counts) * BATCH / replicas / OPERATIONS
            # A ring sends each byte twice, less a part.
            ring = 2 * (replicas - 1) / replicas * _exchanged(counts) / link
            waits = _exchanges(counts) * LATENCY[place]
            images = BATCH / (compute + ring)
            hosts = max(1, replicas // 8)
            input_share = images / hosts / (INPUT * CORES)
            parts = {
                "arithmetic": compute,
                "gradients": ring,
                "moving averages": waits,
                "input": input_share * (compute + ring),
            }
            rows.append(
                [
                    place,
                    f"`{name}`",
                    f"{1e3 * compute:.1f}",
                    f"{1e3 * ring:.2f}",
                    f"{1e3 * waits:.1f}",
                    f"{100 * input_share:.0f} %",
                    max(parts, key=parts.get),
                ]
            )
    assumed = {
        "batch over all replicas": f"{BATCH:,}",
        "arithmetic of a GPU": f"{OPERATIONS / 1e12:g} TFLOP/s",
        **{f"link, {p}": f"{link / 1e9:g} GB/s" for p, (_, link) in LINKS.items()},
        **{f"exchange, {p}": f"{1e6 * s:g} us" for p, s in LATENCY.items()},
        "input": f"{INPUT:,} images/s a core, {CORES} cores a host",
        "overlap": "none",
    }
    head = ["where", "network", "arithmetic, ms", "gradients, ms"]
    head += ["moving averages, ms", "share of the input rate", "limit"]
    return f"{facts(assumed)}\n\n{table(head, rows)}"


def _counts() -> dict[str, dict]:
    record = json.loads((DOCS / "audit.json").read_text())
    known = {row["name"]: row["facts"] for row in record["networks"]}
    return {name: known[name] for name in NETWORKS}


def _operations(counts: dict) -> float:
    """Returns the operations of one image in an update.

    The forward pass has two for each multiply-add. Each of the two gradients has as
    many as the forward pass.
    """
    return 3 * 2 * counts["macs"]


def _exchanged(counts: dict) -> int:
    """Returns the bytes of the gradients, float32."""
    return 4 * counts["parameters"]


def _moving(counts: dict) -> int:
    """Returns the bytes of the moving averages, float32."""
    return 4 * counts["buffers"]


def _exchanges(counts: dict) -> int:
    """Returns the exchanges of the moving averages: two for each batch norm.

    Each layer except the head has about one batch norm.
    """
    return 2 * (counts["depth"] - 1)


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {make.__name__: make for make in (measured, networks, saturation)}
