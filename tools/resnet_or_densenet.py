"""The tables of docs/resnet_or_densenet.md, from a report of `compare`."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from comparison import processor
from markup import facts, table
from paths import DOCS

from resnet_tf.analysis.comparison.report import tables
from resnet_tf.config import NETWORKS, recipe_values

RECORD = DOCS / "comparison/comparison.json"
Network = Mapping[str, Any]


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    record = json.loads(RECORD.read_text())
    makers = (families, setup, networks, times, pairs, advice, published)
    return {make.__name__: functools.partial(make, record) for make in makers}


def families(record: Mapping[str, Any]) -> str:
    """The best dense network, compared with the best residual one.

    Raises:
        ValueError: If the record has no residual network, no dense network or no pair
            of the two.
    """
    dense, residual = _best(record, "dense"), _best(record, "residual")
    difference, (low, high) = _difference(record, dense["label"], residual["label"])
    verdict = "significant" if low > 0 or high < 0 else "not significant"
    costs = {
        "parameters": (dense["parameters"], residual["parameters"]),
        "multiply-adds": (dense["macs"], residual["macs"]),
        "training time": (dense["seconds"], residual["seconds"]),
        "time of one image": (dense["latency"]["1"], residual["latency"]["1"]),
        "peak memory of training": (dense["peak_memory"], residual["peak_memory"]),
    }
    return facts(
        {
            "best dense network": _named(dense),
            "best residual network": _named(residual),
            "difference of the errors": (
                f"{difference:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}), "
                f"{verdict}"
            ),
            **{
                f"{name}, dense over residual": _times(*of)
                for name, of in costs.items()
            },
        }
    )


def setup(record: Mapping[str, Any]) -> str:
    """How the networks were trained."""
    versions = record["versions"]
    return facts(
        {
            "data set": f"{record['dataset']}, {record['n']:,} test images",
            "runs of each network": _range(
                sorted({len(one["seeds"]) for one in record["networks"]})
            ),
            "epochs": _range(_epochs(record)),
            "machine": processor(record["machine"]),
            "versions": (
                f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}"
            ),
            "commit": record["commit"],
            "command": f"`{record['command']}`",
        }
    )


def networks(record: Mapping[str, Any]) -> str:
    """The errors and the costs of every network."""
    found, _ = tables(record)
    return table(found.head, found.rows)


def times(record: Mapping[str, Any]) -> str:
    """The fastest and the slowest training."""
    fast, *_, slow = sorted(record["networks"], key=lambda one: one["seconds"])
    return facts(
        {
            "fastest training": f"`{fast['label']}`",
            "slowest training": f"`{slow['label']}`",
            "slowest over fastest": _times(slow["seconds"], fast["seconds"]),
        }
    )


def pairs(record: Mapping[str, Any]) -> str:
    """The difference of every pair."""
    _, found = tables(record)
    return table(found.head, found.rows)


def advice(record: Mapping[str, Any]) -> str:
    """The advice of the report, as a quotation."""
    return "\n".join(f"> {sentence}" for sentence in record["advice"])


def published(record: Mapping[str, Any]) -> str:
    """The published errors of the networks of the UvA tutorial."""
    head = ["network", "published", "published epochs", "here", "epochs here"]
    rows = []
    for one in record["networks"]:
        row = NETWORKS.get(one["label"])
        if row is not None and one["label"].startswith("uva_"):
            theirs = recipe_values(row.recipe)["train_epochs"]
            known = f"{row.error:.2f} %", f"{theirs:g}"
            here = f"{one['error']:.2f} %", _range(_epochs(record))
            rows.append((f"`{one['label']}`", *known, *here))
    return table(head, rows)


def _named(network: Network) -> str:
    return f"`{network['label']}`, {network['error']:.2f} %"


def _best(record: Mapping[str, Any], family: str) -> Network:
    """Returns the network of a family with the smallest error."""
    found = [one for one in record["networks"] if _family(one["label"]) == family]
    if not found:
        raise ValueError(f"the comparison must hold a {family} network")
    return min(found, key=lambda network: network["error"])


def _family(label: str) -> str:
    """Returns "dense", "residual" or, for any other network, ""."""
    name = label.lower()
    if "densenet" in name:
        return "dense"
    return "residual" if "resnet" in name or "preact" in name else ""


def _difference(
    record: Mapping[str, Any], a: str, b: str
) -> tuple[float, Sequence[float]]:
    """Returns error(a) - error(b) and its interval, in either order of the pair."""
    for pair in record["pairs"]:
        if (pair["a"], pair["b"]) == (a, b):
            return pair["difference"], pair["interval"]
        if (pair["a"], pair["b"]) == (b, a):
            low, high = pair["interval"]
            return -pair["difference"], (-high, -low)
    raise ValueError(f"the comparison must hold the pair {a} and {b}")


def _times(of: float | None, over: float | None) -> str | None:
    """Returns a ratio, e.g. "1.77 times", None if one of the two was not measured."""
    return f"{of / over:.2f} times" if of and over else None


def _epochs(record: Mapping[str, Any]) -> list[int]:
    ends = (one["histories"][0][-1]["epoch"] for one in record["networks"])
    return sorted({round(end) for end in ends})


def _range(numbers: Sequence[int]) -> str:
    """Returns the range of sorted numbers, e.g. "2 to 3", or "3" for a single one."""
    return " to ".join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))
