"""Which network to take: sentences that follow from the figures by stated rules."""

from collections.abc import Mapping, Sequence
from typing import Any

_COSTS = {
    "parameters": "the fewest parameters",
    "macs": "the fewest multiply-adds",
    "seconds": "the shortest training",
    "latency_1": "the shortest inference of one image",
}
_MEASURED = ("seconds", "latency_1")
_LUCK = 0.05  # a time that is less by no more than this part may be equal
_APART = 5.0  # points between seeds, beyond which their mean says little

RULES = (
    "Two networks differ significantly if the 95 % interval of the difference of "
    "their errors does not contain 0; each pair is judged by itself. A network is left "
    "out if another one that is better, or does not differ significantly, has no more "
    "parameters, no more multiply-adds, no longer training and no longer inference, "
    f"and less of one (of a time, less by more than {100 * _LUCK:.0f} %). Of the "
    "networks that do not differ significantly from the best one and do not leave each "
    "other out, the cheapest in each respect is taken; of equally cheap ones, the "
    "better. What is taken is not left out. Seeds that end more than "
    f"{_APART:.0f} points apart are named, and their network is taken only if it has "
    "the lowest error."
)


def advise(record: Mapping[str, Any]) -> list[str]:
    """Returns the sentences about a comparison.

    Args:
        record: `n`, `split`, `networks` and `pairs` of the comparison.
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
            f"{_listed(single)} ran with one seed: what another would change is in no "
            "interval."
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
    """Returns, for each network that is taken, what for.

    Args:
        equal: The best network, and those that do not differ significantly from it.
        worse: See `_significant`.
    """
    if len(equal) == 1:
        return {equal[0]["label"]: ["its error"]}
    dominated = _dominated(equal, worse)
    left = [network for network in equal if network["label"] not in dominated]
    taken: dict[str, list[str]] = {}
    for cost, words in _COSTS.items():
        least = min(left, key=lambda network: (network[cost], network["error"]))
        taken.setdefault(least["label"], []).append(words)
    return taken


def _left_out(
    networks: Sequence[Mapping[str, Any]],
    worse: set[tuple[str, str]],
    taken: Mapping[str, Any],
) -> dict[str, list[str]]:
    """Returns what is left out, by what is to be preferred.

    Args:
        networks: All of them.
        worse: See `_significant`.
        taken: By label. A network that does not differ significantly from the best
            stays, even if one that does differ dominates it.
    """
    found: dict[str, list[str]] = {}
    for loser, winner in _dominated(networks, worse).items():
        if loser not in taken:
            found.setdefault(winner, []).append(loser)
    return found


def _apart(network: Mapping[str, Any]) -> float:
    """Returns how far the seeds end apart, in points."""
    return max(network["errors"]) - min(network["errors"])


def _flat(network: Mapping[str, Any]) -> dict[str, Any]:
    return {**network, "latency_1": network["latency"]["1"]}


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
    """Returns, for each network that is left out, one that is to be preferred."""
    found = {}
    for network in networks:
        for other in networks:
            if (
                other is not network
                and (other["label"], network["label"]) not in worse
                and all(other[cost] <= network[cost] for cost in _COSTS)
                and any(other[cost] < _surely(network, cost) for cost in _COSTS)
            ):
                found[network["label"]] = other["label"]
                break
    return found


def _surely(network: Mapping[str, Any], cost: str) -> float:
    """Returns below what another network surely costs less than one."""
    return network[cost] * (1 - _LUCK if cost in _MEASURED else 1)


def _listed(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
