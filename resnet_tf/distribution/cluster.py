"""The workers of a run, read from the environment that a launcher sets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from resnet_tf.errors import SettingError

_PORTS = range(15_000, 30_000)
_PLACES = {"chief", "worker"}


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, and the index of this process.

    Attributes:
        addresses: "host:port" of each worker; the first is the chief.
        index: Index of this worker, from 0.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def peers(self) -> tuple[str, ...]:
        """The addresses of the other workers."""
        return tuple(a for i, a in enumerate(self.addresses) if i != self.index)


def find_cluster(strategy: str, environment: Mapping[str, str]) -> Cluster | None:
    """Returns the workers of a run, or None if this process trains alone.

    Args:
        strategy: Strategy, as in `TrainConfig`. "auto" reads only `TF_CONFIG`: Slurm's
            variables are also set if every task trains a separate run.
        environment: Environment variables of the process.

    Raises:
        SettingError: If `TF_CONFIG` or Slurm's variables are wrong, or "multi_worker"
            finds neither.
    """
    if strategy not in ("auto", "multi_worker"):
        return None
    if environment.get("TF_CONFIG"):
        cluster = _from_tf_config(environment["TF_CONFIG"])
    elif strategy == "auto":
        return None
    elif "SLURM_PROCID" in environment:
        cluster = _from_slurm(environment)
    else:
        raise SettingError(
            "strategy=multi_worker needs TF_CONFIG or Slurm's variables, received "
            "neither; python -m resnet_tf launch sets it on one host"
        )
    return None if len(cluster.addresses) == 1 else cluster


def _from_tf_config(text: str) -> Cluster:
    try:
        config = json.loads(text)
    except ValueError as error:
        _refuse("be JSON", f"{text!r:.80} ({error})")
    config = config if isinstance(config, dict) else {}
    jobs, task = config.get("cluster"), config.get("task")
    if not isinstance(jobs, dict) or not jobs or set(jobs) - _PLACES:
        _refuse("have a cluster of a chief and workers, or of workers", jobs)
    # A list, as the type can be a value that is not hashable.
    if not isinstance(task, dict) or task.get("type") not in list(jobs):
        _refuse(f"have a task whose type is one of {', '.join(sorted(jobs))}", task)
    for job, addresses in jobs.items():
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            _refuse(f"list the {job}s as host:port", addresses)
    index, of_type = task.get("index"), jobs[task["type"]]
    if type(index) is not int or not 0 <= index < len(of_type):
        _refuse(f"have a task index from 0 to {len(of_type) - 1}", index)
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    if len(chiefs) > 1:
        _refuse("have one chief", chiefs)
    addresses = (*chiefs, *workers)
    if len(set(addresses)) < len(addresses):
        _refuse("name no address twice", list(addresses))
    return Cluster(addresses, index + (task["type"] == "worker") * len(chiefs))


def _is_address(value: Any) -> bool:
    match = isinstance(value, str) and re.fullmatch(r"[^\s:]+:(\d{1,5})", value)
    return bool(match) and 0 < int(match[1]) < 65_536


def _refuse(rule: str, received: Any) -> NoReturn:
    raise SettingError(f"TF_CONFIG must {rule}, received {received!s:.80}")


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Returns the tasks of a job step in Slurm's order: node by node.

    The ports depend on the job number, so that two jobs on one node rarely share a
    port.
    """
    index, job = (
        _number(environment, name) for name in ("SLURM_PROCID", "SLURM_JOB_ID")
    )
    hosts = _hosts(_text(environment, "SLURM_STEP_NODELIST"))
    counts = _counts(_text(environment, "SLURM_STEP_TASKS_PER_NODE"))
    if len(hosts) != len(counts) or not index < sum(counts):
        raise SettingError(
            "Slurm's variables must agree, received SLURM_PROCID="
            f"{index}, {len(hosts)} nodes and tasks on {len(counts)} of them"
        )
    # The ports of one node are consecutive; the ranges of two jobs rarely overlap.
    first = _PORTS[job * 64 % (len(_PORTS) - 64)]
    addresses = tuple(
        f"{host}:{first + task}"
        for host, count in zip(hosts, counts, strict=True)
        for task in range(count)
    )
    return Cluster(addresses, index)


def _text(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise SettingError(f"{name} must be set along with SLURM_PROCID, received none")
    return environment[name]


def _number(environment: Mapping[str, str], name: str) -> int:
    text = _text(environment, name)
    if not re.fullmatch(r"\d{1,18}", text, re.A):
        raise SettingError(f"{name} must be a number, received {text!r:.80}")
    return int(text)


def _hosts(text: str) -> list[str]:
    """Returns the nodes of a list, e.g. "a[01-03,7],b"."""
    hosts = []
    for name in re.findall(r"(?:\[[^\]]*\]|[^,\[])+", text):
        before, bracket, inside = name.partition("[")
        numbers, _, after = inside.partition("]")
        spans = re.findall(r"(\d+)(?:-(\d+))?", numbers) if bracket else [("", "")]
        for low, high in spans:
            stop = int(high or low or 0)
            for number in range(int(low or 0), stop + 1):
                digits = f"{number:0{len(low)}d}" if bracket else ""
                hosts.append(f"{before}{digits}{after}")
    return hosts


def _counts(text: str) -> list[int]:
    """Returns the counts of a list, e.g. [2, 2, 2, 1] for "2(x3),1"."""
    found = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(n) for n, times in found for _ in range(int(times or 1))]
