"""The page docs/resnet_or_densenet.md, from a comparison that `compare` wrote."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from comparison import processor
from markup import paragraph, points, table
from paths import DOCS

from resnet_tf.analysis.comparison.advice import RULES
from resnet_tf.analysis.comparison.pictures import COSTS, CURVES
from resnet_tf.analysis.comparison.report import INTERVALS, PAIRS, tables
from resnet_tf.config import NETWORKS, recipe_values
from resnet_tf.config.networks import UVA_URL

RECORD = DOCS / "comparison/comparison.json"
Network = Mapping[str, Any]

_DIFFERENCE = (
    "A residual block adds what it computes to what came in, so that the number of "
    "channels stays and later layers see a sum. A dense layer keeps what came in and "
    "lays a few new channels beside it, so that later layers see all that earlier ones "
    "computed.",
    "The sum takes no parameters and little memory. The concatenation lets each layer "
    "be narrow, so that a dense network needs few parameters; but every layer reads "
    "all channels before it, which costs multiply-adds, memory and time. "
    "`--memory_efficient` gives up some time for the memory.",
)
_METHOD = "[How they are computed](intervals.md)."
_PICTURES = {
    CURVES: "Errors over the epochs, with a band from the lowest to the highest seed",
    COSTS: "Test error over parameters and over multiply-adds",
}


def page() -> str | None:
    """Returns the page, None if there is no comparison."""
    return written(json.loads(RECORD.read_text())) if RECORD.exists() else None


def link() -> str:
    """The page's line in the index, empty if there is no page."""
    line = "* [ResNet or DenseNet?](resnet_or_densenet.md): our own comparison"
    return line if RECORD.exists() else ""


def written(record: Mapping[str, Any]) -> str:
    """Returns the page.

    Args:
        record: What `compare` wrote into `comparison.json`.

    Raises:
        ValueError: If it holds no residual or no dense network.
    """
    networks, pairs = tables(record)
    parts = [
        "# ResNet or DenseNet?",
        paragraph(*_answer(record)),
        paragraph("All networks of the comparison:", *record["advice"]),
        "## How they differ",
        *(paragraph(text) for text in _DIFFERENCE),
        "## What was measured",
        paragraph(*_method(record)),
        table(networks.head, networks.rows),
        *_pictures(),
        "## Which differences hold",
        paragraph(
            *filter(None, (PAIRS, INTERVALS, record.get("note"), _METHOD, RULES))
        ),
        table(pairs.head, pairs.rows),
        *_published(record),
        "## What this does not say",
        points(_limits(record)),
    ]
    return "\n\n".join(parts) + "\n"


def _answer(record: Mapping[str, Any]) -> list[str]:
    """Returns what sets the best dense network apart from the best residual one."""
    dense, residual = _best(record, "dense"), _best(record, "residual")
    difference, (low, high) = _difference(record, dense["label"], residual["label"])
    apart = "tells" if low > 0 or high < 0 else "does not tell"
    costs = {
        "the parameters": _times(dense["parameters"], residual["parameters"]),
        "the multiply-adds": _times(dense["macs"], residual["macs"]),
        "the training time": _times(dense["seconds"], residual["seconds"]),
        "the time of one image": _times(
            dense["latency"]["1"], residual["latency"]["1"]
        ),
        "the peak memory of training": _times(
            dense["peak_memory"], residual["peak_memory"]
        ),
    }
    listed = [f"{times} times {name}" for name, times in costs.items() if times]
    return [
        f"After {_range(_epochs(record))} epochs of {record['dataset']}, "
        f"`{dense['label']}` errs on {dense['error']:.2f} % of "
        f"{record['n']:,} test images and `{residual['label']}`, the best residual "
        f"network, on {residual['error']:.2f} %: {difference:+.2f} points (95 % "
        f"interval {low:+.2f} to {high:+.2f}), which {apart} the two apart.",
        f"The dense network takes {', '.join(listed[:-1])} and {listed[-1]}.",
    ]


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
    """Returns error(a) - error(b) and its interval, whatever the order of the pair."""
    for pair in record["pairs"]:
        if (pair["a"], pair["b"]) == (a, b):
            return pair["difference"], pair["interval"]
        if (pair["a"], pair["b"]) == (b, a):
            low, high = pair["interval"]
            return -pair["difference"], (-high, -low)
    raise ValueError(f"the comparison must hold the pair {a} and {b}")


def _times(of: float | None, over: float | None) -> str:
    """Returns such as "1.77", empty where one of the two was not measured."""
    return f"{of / over:.2f}" if of and over else ""


def _method(record: Mapping[str, Any]) -> list[str]:
    seeds = sorted({len(one["seeds"]) for one in record["networks"]})
    versions = record["versions"]
    return [
        f"Each network was trained {_range(seeds)} times from other seeds, for "
        f"{_range(_epochs(record))} epochs, by `{record['command']}`, commit "
        f"{record['commit']}, on {processor(record['machine'])}; TensorFlow "
        f"{versions['tensorflow']}, Keras {versions['keras']}.",
        "Errors are those of the last weights on the test images; ± is the standard "
        "deviation over seeds.",
    ]


def _epochs(record: Mapping[str, Any]) -> list[int]:
    ends = (one["histories"][0][-1]["epoch"] for one in record["networks"])
    return sorted({round(end) for end in ends})


def _range(numbers: Sequence[int]) -> str:
    """Returns "3", or "2 to 3" where they differ; the numbers are sorted."""
    return " to ".join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))


def _pictures() -> list[str]:
    return [
        f"![{text}](comparison/{name})"
        for name, text in _PICTURES.items()
        if (RECORD.parent / name).exists()
    ]


def _published(record: Mapping[str, Any]) -> list[str]:
    """Returns the section on the networks of the UvA tutorial, if there are any."""
    stated = {name: row for name, row in NETWORKS.items() if name.startswith("uva_")}
    ours = [one for one in record["networks"] if one["label"] in stated]
    if not ours or record["dataset"] != "cifar10":
        return []
    recipes = {stated[one["label"]].recipe for one in ours}
    theirs = sorted({recipe_values(name)["train_epochs"] for name in recipes})
    rows = (
        (
            f"`{one['label']}`",
            f"{stated[one['label']].error:.2f} %",
            f"{one['error']:.2f} %",
        )
        for one in ours
    )
    return [
        "## Beside what is published",
        paragraph(
            f"Tutorial 5 of <{UVA_URL}> trained for {_range(theirs)} epochs, these for",
            f"{_range(_epochs(record))}: the errors are not to be compared one by one.",
        ),
        table(("network", "published", "here"), rows),
    ]


def _unequal_time(record: Mapping[str, Any]) -> str:
    """Returns what the fastest network would do in the time of the slowest."""
    fast, *_, slow = sorted(record["networks"], key=lambda one: one["seconds"])
    return (
        f"The epochs are equal, not the time: in that of `{slow['label']}`, "
        f"`{fast['label']}` does {_times(slow['seconds'], fast['seconds'])} times as "
        "many."
    )


def _limits(record: Mapping[str, Any]) -> list[str]:
    return [
        f"One data set, {record['n']:,} test images and the epochs above: with more of "
        "them the order may change.",
        _unequal_time(record),
        "The settings are those of the command above. Each network may have better "
        "ones of its own.",
        "Times and memory are those of the machine above. On a GPU they are others.",
    ]
