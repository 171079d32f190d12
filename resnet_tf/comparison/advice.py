"""Which network to take: sentences that follow from the figures by stated rules."""

from collections.abc import Mapping, Sequence
from typing import Any

RULES = (
    "A network is told apart from another if the 95 % bootstrap interval of the "
    "difference of their errors does not hold 0. A network is left out if another "
    "that is not told apart from it, or better, has no more parameters, no more "
    "multiply-adds, no longer training and no longer inference, and less of one."
)
_COSTS = {
    "parameters": "the fewest parameters",
    "macs": "the fewest multiply-adds",
    "seconds": "the shortest training",
    "latency_1": "the shortest inference of one image",
}


def advise(record: Mapping[str, Any]) -> list[str]:
    """Returns the sentences about a comparison.

    Args:
        record: `n`, `split`, `networks` and `pairs` of the comparison.
    """
    networks = [_flat(network) for network in record["networks"]]
    best = min(networks, key=lambda network: network["error"])
    worse = _told_apart(record["pairs"])
    equal = [x for x in networks if (x["label"], best["label"]) not in worse]
    sentences = [
        f"On these {record['n']:,} {record['split']} images {best['label']} has the "
        f"lowest error, {best['error']:.2f} %."
    ]
    if len(networks) == 1:
        return sentences
    others = [x["label"] for x in equal if x is not best]
    if others:
        sentences.append(f"Not told apart from it: {_listed(others)}.")
    else:
        sentences.append("Every other network is told apart from it.")
    sentences += _takes(best, equal)
    for loser, winner in _dominated(networks, worse).items():
        sentences.append(
            f"Leave out {loser}: {winner} is not told apart from it, or better, and "
            "costs no more in any respect."
        )
    return sentences


def _takes(best: Mapping[str, Any], equal: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns what to take of the networks that are not told apart from the best."""
    if len(equal) == 1:
        return [f"Take {best['label']} for its error."]
    winners: dict[str, list[str]] = {}
    for cost, words in _COSTS.items():
        least = min(equal, key=lambda network: (network[cost], network["parameters"]))
        winners.setdefault(least["label"], []).append(words)
    return [f"Take {label} for {_listed(words)}." for label, words in winners.items()]


def _flat(network: Mapping[str, Any]) -> dict[str, Any]:
    return {**network, "latency_1": network["latency"]["1"]}


def _told_apart(pairs: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Returns the pairs (worse, better) that are told apart."""
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
            costs = [(other[cost], network[cost]) for cost in _COSTS]
            if (
                other is not network
                and (other["label"], network["label"]) not in worse
                and all(theirs <= own for theirs, own in costs)
                and any(theirs < own for theirs, own in costs)
            ):
                found[network["label"]] = other["label"]
                break
    return found


def _listed(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
