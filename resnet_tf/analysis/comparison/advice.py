"""Recommends networks: sentences that follow from the figures by stated rules."""

from collections.abc import Mapping, Sequence
from typing import Any

_COSTS = {
    "parameters": "the fewest parameters",
    "macs": "the fewest multiply-adds",
    "seconds": "the shortest training",
    "latency_1": "the shortest inference of one image",
}
_MEASURED = ("seconds", "latency_1")
_LUCK = 0.05  # times that differ by at most this share count as equal
_APART = 5.0  # percentage points between seeds above which their mean says little

RULES = (
    "Two networks differ significantly if the 95 % interval of the difference of "
    "their errors does not contain 0; each pair is tested by itself. A network is left "
    "out if another network that is better, or not significantly different, has at "
    "most the same parameters, multiply-adds, training time and inference time, and "
    f"less of at least one (a time must be shorter by more than {100 * _LUCK:.0f} %). "
    "The choice is among the networks that are not significantly different from the "
    "best one and that none of the others leaves out: the cheapest in each respect is "
    "taken, and among equally cheap ones the better. A network that is taken is not "
    f"left out. If the seeds of a network end more than {_APART:.0f} points apart, the "
    "report says so, and the network is taken only if it has the lowest error."
)


def advise(record: Mapping[str, Any]) -> list[str]:
    """Returns the sentences about a comparison.

    Args:
        record: Comparison with the keys `n`, `split`, `networks` and `pairs`. A cost
            that is None for a network does not count.
    """
    networks = [_flat(network) for network in record["networks"]]
    best = min(networks, key=lambda network: network["error"])
    worse = _significant(record["pairs"])
    equal = [x for x in networks if (x["label"], best["label"]) not in worse]
    sentences = [
        f"On these {record['n']:,} {record['split']} images {best['label']} has the "
        f"lowest error, {best['error']:.2f} %."
    ]
    if len(networks) == 1:
        return sentences
    others = [x["label"] for x in equal if x is not best]
    if others:
        sentences.append(f"Not significantly different: {_listed(others)}.")
    else:
        sentences.append("Every other network differs significantly from it.")
    steady = [x for x in equal if x is best or _apart(x) <= _APART]
    taken = _taken(steady, worse)
    sentences += [f"Take {label} for {_listed(why)}." for label, why in taken.items()]
    for winner, losers in _left_out(networks, worse, taken).items():
        them = "it" if len(losers) == 1 else "them"
        sentences.append(
            f"Leave out {_listed(losers)}: {winner} is better than {them} or not "
            "significantly different, and costs no more in any respect."
        )
    single = [x["label"] for x in networks if len(x["seeds"]) == 1]
    if single:
        sentences.append(
            f"{_listed(single)} ran with one seed: the intervals do not cover the "
            "choice of the seed."
        )
    for network in networks:
        apart = _apart(network)
        if apart > _APART:
            sentences.append(
                f"The seeds of {network['label']} end {apart:.1f} points apart: their "
                "mean says little about it."
            )
    return sentences


def _taken(
    equal: Sequence[Mapping[str, Any]], worse: set[tuple[str, str]]
) -> dict[str, list[str]]:
    """Returns the reasons for each network that is taken, by label.

    Args:
        equal: The best network, and all networks not significantly different from it.
        worse: Pairs of labels from `_significant`.
    """
    if len(equal) == 1:
        return {equal[0]["label"]: ["its error"]}
    dominated = _dominated(equal, worse)
    left = [network for network in equal if network["label"] not in dominated]
    taken: dict[str, list[str]] = {}
    for cost, words in _known(left).items():
        least = min(left, key=lambda network: (network[cost], network["error"]))
        taken.setdefault(least["label"], []).append(words)
    return taken


def _left_out(
    networks: Sequence[Mapping[str, Any]],
    worse: set[tuple[str, str]],
    taken: Mapping[str, Any],
) -> dict[str, list[str]]:
    """Returns the networks that are left out, by the label of the preferred network.

    Args:
        networks: All networks of the comparison.
        worse: Pairs of labels from `_significant`.
        taken: Networks that are taken, by label. They are not left out, even if a
            network that differs significantly from the best one dominates them.
    """
    found: dict[str, list[str]] = {}
    for loser, winner in _dominated(networks, worse).items():
        if loser not in taken:
            found.setdefault(winner, []).append(loser)
    return found


def _apart(network: Mapping[str, Any]) -> float:
    """Returns the range of the seeds' errors, in percentage points."""
    return max(network["errors"]) - min(network["errors"])


def _flat(network: Mapping[str, Any]) -> dict[str, Any]:
    latency = network["latency"]
    return {**network, "latency_1": latency["1"] if latency else None}


def _known(networks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the costs that are known of every network, with their words."""
    return {
        cost: words
        for cost, words in _COSTS.items()
        if all(network[cost] is not None for network in networks)
    }


def _significant(pairs: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Returns the pairs (worse, better) that differ significantly."""
    found = set()
    for pair in pairs:
        low, high = pair["interval"]
        if low > 0:
            found.add((pair["a"], pair["b"]))
        elif high < 0:
            found.add((pair["b"], pair["a"]))
    return found


def _dominated(
    networks: Sequence[Mapping[str, Any]], worse: set[tuple[str, str]]
) -> dict[str, str]:
    """Returns a preferred network for each network that is left out, by label."""
    known, found = _known(networks), {}
    for network in networks:
        for other in networks:
            if (
                other is not network
                and (other["label"], network["label"]) not in worse
                and all(other[cost] <= network[cost] for cost in known)
                and any(other[cost] < _surely(network, cost) for cost in known)
            ):
                found[network["label"]] = other["label"]
                break
    return found


def _surely(network: Mapping[str, Any], cost: str) -> float:
    """Returns the cost below which another network is cheaper beyond chance."""
    return network[cost] * (1 - _LUCK if cost in _MEASURED else 1)


def _listed(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
