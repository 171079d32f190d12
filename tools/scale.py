"""The generated parts of docs/scale.md: what was measured, and what is on paper."""

import json
import statistics
from collections.abc import Callable

from comparison import processor
from markup import paragraph, spread, table
from paths import DOCS

RECORD = DOCS / "benchmarks/scale.json"
NETWORKS = ("resnet110", "densenet_bc190_k40", "resnet1202")

# What the paper figures assume of the machines, each to be replaced by one's own.
BATCH = 1024  # images, over all replicas
OPERATIONS = 5e12  # a second that a GPU does of such small convolutions
LINKS = {"8 GPUs of one host": (8, 100e9), "8 hosts of 8 GPUs": (64, 3e9)}  # bytes/s
LATENCY = {"8 GPUs of one host": 20e-6, "8 hosts of 8 GPUs": 100e-6}  # s an exchange
INPUT = 20_000  # images/s that one core prepares
CORES = 8  # of a host, for the input


def measured() -> str:
    """Step time against replicas, from a record."""
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
    machine, versions = record["machine"], record["versions"]
    words = paragraph(
        f"`{record['model']}`, float32, batch {record['batch']} over all replicas, "
        f"which are {record['replicas_are']} of one machine with "
        f"{processor(machine)}; TensorFlow {versions['tensorflow']}. Other "
        f"programs used {100 * record['busy_before']:.0f} % of the cores just before: "
        "where that is much, the figures show that it works, not how fast it is."
    )
    head = ["replicas", "synchronised batch norm", "images/s", "ms a step", "times one"]
    return f"{words}\n\n{table(head, rows)}"


def networks() -> str:
    """What a step of each network computes and exchanges, from the audit."""
    rows = []
    for name, facts in _facts().items():
        rows.append(
            [
                f"`{name}`",
                f"{facts['parameters']:,}",
                f"{_exchanged(facts) / 1e6:.1f} MB",
                f"{_moving(facts) / 1e3:.0f} kB in {_exchanges(facts):,} exchanges",
                f"{_operations(facts) / 1e9:.2f}",
            ]
        )
    head = ["network", "parameters", "gradients a step", "moving averages a step"]
    return table([*head, "10^9 operations an image"], rows)


def saturation() -> str:
    """What bounds a step on machines that are assumed."""
    rows = []
    for place, (replicas, link) in LINKS.items():
        for name, facts in _facts().items():
            compute = _operations(facts) * BATCH / replicas / OPERATIONS
            # A ring sends each byte twice, less a part.
            ring = 2 * (replicas - 1) / replicas * _exchanged(facts) / link
            waits = _exchanges(facts) * LATENCY[place]
            images = BATCH / (compute + ring)
            hosts = max(1, replicas // 8)
            input_share = images / hosts / (INPUT * CORES)
            parts = {
                "arithmetic": compute,
                "bytes of the gradients": ring,
                "waits for the moving averages": waits,
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
    words = paragraph(
        "**Assumed, not measured:**",
        f"a batch of {BATCH:,} over all replicas; {OPERATIONS / 1e12:g} * 10^12",
        "operations a second of a GPU on such small convolutions;",
        ", ".join(f"{link / 1e9:g} GB/s between {p}" for p, (_, link) in LINKS.items()),
        "in a ring; an exchange of a few numbers in",
        ", ".join(f"{1e6 * s:g} us among {place}" for place, s in LATENCY.items()),
        f"; a core that prepares {INPUT:,} images a second, {CORES} of them a host.",
        "Nothing overlaps here; in truth some of it does.",
    ).replace(" ;", ";")
    head = [
        "where",
        "network",
        "arithmetic, ms",
        "gradients, ms",
        "moving averages, ms",
    ]
    return f"{words}\n\n{table([*head, 'of the input rate', 'largest'], rows)}"


def _facts() -> dict[str, dict]:
    record = json.loads((DOCS / "audit.json").read_text())
    known = {row["name"]: row["facts"] for row in record["networks"]}
    return {name: known[name] for name in NETWORKS}


def _operations(facts: dict) -> float:
    """Returns those of one image in an update: twice the multiply-adds forward, and
    as many again for each of the two gradients."""
    return 3 * 2 * facts["macs"]


def _exchanged(facts: dict) -> int:
    """Returns the bytes of the gradients, float32."""
    return 4 * facts["parameters"]


def _moving(facts: dict) -> int:
    """Returns the bytes of the moving averages, float32."""
    return 4 * facts["buffers"]


def _exchanges(facts: dict) -> int:
    """Returns those of the moving averages: two a batch norm. There is about one batch
    norm for each layer but the head."""
    return 2 * (facts["depth"] - 1)


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {make.__name__: make for make in (measured, networks, saturation)}
