"""The workers named by the environment, and the limit of the wait for them."""

import json
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from resnet_tf.distribution import rendezvous
from resnet_tf.distribution.cluster import Cluster, find_cluster
from resnet_tf.distribution.launcher import _free_ports
from resnet_tf.distribution.rendezvous import bounded, meet
from resnet_tf.errors import PeerError, SettingError

HOSTS = ["a:1", "b:2"]


def tf_config(cluster, task):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def worker(index):
    return {"type": "worker", "index": index}


def test_workers_of_tf_config():
    environment = tf_config({"worker": HOSTS}, worker(1))
    for strategy in ("auto", "multi_worker"):
        cluster = find_cluster(strategy, environment)
        assert cluster == Cluster(("a:1", "b:2"), 1)
        assert cluster.peers == ("a:1",)
    for strategy in ("one", "mirrored"):
        assert find_cluster(strategy, environment) is None


def test_a_chief_comes_before_the_workers():
    cluster = {"worker": HOSTS, "chief": ["c:3"]}
    assert find_cluster("auto", tf_config(cluster, worker(0))) == Cluster(
        ("c:3", "a:1", "b:2"), 1
    )
    task = {"type": "chief", "index": 0}
    assert find_cluster("auto", tf_config(cluster, task)).index == 0


def test_one_worker_needs_no_other():
    environment = tf_config({"worker": ["a:1"]}, worker(0))
    for strategy in ("auto", "multi_worker"):
        assert find_cluster(strategy, environment) is None
    assert find_cluster("auto", {}) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "be JSON, received '{'"),
        ("[]", "have a cluster of a chief and workers, or of workers, received None"),
        ('{"cluster": {"ps": ["a:1"]}}', "have a cluster of a chief and workers"),
        ('{"cluster": {"worker": ["a:1"]}}', "have a task whose type is one of worker"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": ["worker"]}}',
            r"have a task whose type is one of worker, received {'type': \['worker'\]}",
        ),
        (
            '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
            r"list the workers as host:port, received \['a'\]",
        ),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "have a task index from 0 to 0, received 1",
        ),
        (
            '{"cluster": {"worker": ["a:1", "a:1"]}, '
            '"task": {"type": "worker", "index": 1}}',
            "name no address twice",
        ),
        (
            '{"cluster": {"chief": ["a:1", "b:1"]}, '
            '"task": {"type": "chief", "index": 0}}',
            "have one chief",
        ),
    ],
)
def test_a_wrong_tf_config_is_one_line(text, rule):
    with pytest.raises(SettingError, match=f"TF_CONFIG must {rule}") as caught:
        find_cluster("auto", {"TF_CONFIG": text})
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "gpu[09-10,2]x,login",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1(x2)",
}


def test_workers_of_slurm():
    cluster = find_cluster("multi_worker", SLURM)
    hosts = [address.partition(":")[0] for address in cluster.addresses]
    assert hosts == ["gpu09x", "gpu09x", "gpu10x", "gpu10x", "gpu2x", "login"]
    assert cluster.index == 3
    ports = [int(address.partition(":")[2]) for address in cluster.addresses]
    assert [port - ports[0] for port in ports] == [0, 1, 0, 1, 0, 0]
    other = find_cluster("multi_worker", {**SLURM, "SLURM_JOB_ID": "8"})
    assert set(other.addresses).isdisjoint(cluster.addresses)
    # Each task can be a separate run.
    assert find_cluster("auto", SLURM) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SLURM_STEP_NODELIST": ""}, "SLURM_STEP_NODELIST must be set"),
        ({"SLURM_PROCID": "x"}, "SLURM_PROCID must be a number, received 'x'"),
        ({"SLURM_PROCID": "6"}, "must agree, received SLURM_PROCID=6, 4 nodes"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "4 nodes and tasks on 1 of them"),
    ],
)
def test_wrong_variables_of_slurm(change, message):
    with pytest.raises(SettingError, match=message):
        find_cluster("multi_worker", {**SLURM, **change})


def test_multi_worker_needs_named_workers():
    with pytest.raises(SettingError, match="needs TF_CONFIG or Slurm's variables"):
        find_cluster("multi_worker", {})


def clusters(count):
    addresses = tuple(f"127.0.0.1:{port}" for port in _free_ports(count))
    return [Cluster(addresses, index) for index in range(count)]


def test_workers_meet_and_leave_their_ports_free():
    first, second = clusters(2)
    doors = []
    late = threading.Timer(0.3, lambda: doors.append(meet(second, 300)))
    late.start()
    doors.append(meet(first, 300))
    late.join()
    for door in doors:
        door.close()
    for cluster in (first, second):
        own = cluster.addresses[cluster.index]
        meet(Cluster((own,), 0), 1).close()


def test_the_wait_for_a_missing_worker_ends(monkeypatch):
    cluster = clusters(2)[0]
    passed = []
    clock = SimpleNamespace(monotonic=lambda: sum(passed), sleep=passed.append)
    monkeypatch.setattr(rendezvous, "time", clock)
    with pytest.raises(PeerError) as caught:
        meet(cluster, 0.3)
    assert 0.3 < sum(passed) < 0.5
    (absent,) = cluster.peers
    message = f"1 of the 2 workers did not come within 0.3 s: {absent} (Connection refu"
    assert str(caught.value).startswith(message) and caught.value.exit_code == 7
    meet(Cluster(cluster.addresses[:1], 0), 1).close()


def test_a_port_in_use_is_refused():
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=f"port {port} of this worker, h:{port}"):
            meet(Cluster((f"h:{port}",), 0), 1)


HANGS = """
import re
from resnet_tf.distribution.rendezvous import bounded

with bounded({seconds}, "too late"):
    # This holds the GIL: no thread and no handler of Python runs.
    {work}
print("over")
"""


def hung(seconds, work):
    code = HANGS.format(seconds=seconds, work=work)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_process_that_holds_the_gil_is_killed_with_one_line():
    answer = hung(1, "re.match('(a+)+b', 'a' * 60)")
    assert (answer.returncode, answer.stderr) == (-9, "error: too late\n")


def test_work_within_the_limit_is_not_killed():
    # Without an end of its input, the watch would wait 600 s and kill the tests.
    with bounded(600, "too late"):
        pass
