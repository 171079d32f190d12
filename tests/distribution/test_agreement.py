"""Workers that disagree raise an error before they begin."""

import dataclasses

import numpy as np
import pytest

from resnet_tf.data.split import Split
from resnet_tf.distribution import agreement
from resnet_tf.distribution.agreement import require_agreement
from resnet_tf.distribution.sharded_pass import ShardedPass
from resnet_tf.errors import CheckpointError, PeerError, RunFolderError, SettingError
from resnet_tf.evaluation.full_pass import Result
from resnet_tf.runs.folder import RunFolder
from resnet_tf.training.running_sums import RunningSums


class Played:
    """Worker `index`; the other workers send `others` in its place."""

    def __init__(self, index=0, others=(), number=2):
        self.index, self.number, self._others = index, number, list(others)

    def gather(self, values):
        rows = [np.asarray(values)] * self.number
        for place, other in self._others:
            rows[place] = np.asarray(other)
        return np.array(rows)


@pytest.fixture
def folder(tiny, tmp_path):
    with RunFolder(tmp_path / "run", tiny()).held():
        return RunFolder(tmp_path / "run", tiny())


def facts(folder, step=3, seen=1):
    return [int(folder.config.fingerprint()[:12], 16), step, seen]


def test_workers_that_agree(folder):
    require_agreement(Played(others=[(1, facts(folder))]), folder, 3)


def test_workers_that_disagree(folder, tiny, monkeypatch):
    monkeypatch.setattr(agreement, "_LONGEST_WAIT", 0.1)
    other = dataclasses.replace(folder.config, train=tiny(seed=1).train)
    another = RunFolder(folder.path.with_name("other"), other)
    for told, error, message in (
        (facts(another), SettingError, "same settings, received 2 different ones"),
        (facts(folder, step=0), CheckpointError, r"steps \[3, 0\]; --run_dir must"),
        (facts(folder, seen=0), RunFolderError, "worker 1 of 2 does not see"),
    ):
        with pytest.raises(error, match=message):
            require_agreement(Played(others=[(1, told)]), folder, 3)
    assert not another.appears(0.1)


def test_every_image_is_evaluated_once():
    """Five images over three workers: the last image fills the last share."""
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    split = Split("test", images, np.arange(5, dtype=np.int32), ("a", "b"))
    seen = []

    class Pass:
        def logits(self, images, batch_size):
            seen.append(images.ravel().tolist())
            return np.stack([images.ravel(), -images.ravel().astype(int)], axis=1)

    class Workers(Played):
        def gather(self, values):
            shares = []
            for index in range(3):
                if index == self.index:
                    shares.append(values)
                else:
                    shares.append(shares_of_others[index])
            return np.array(shares)

    shares_of_others = [[[0, 0], [1, -1]], [[2, -2], [3, -3]], [[4, -4], [4, -4]]]
    for index in range(3):
        result = ShardedPass(Pass(), Workers(index, number=3))(split, 2)
        assert isinstance(result, Result) and result.n == 5
        np.testing.assert_array_equal(result.logits[:, 0], range(5))
    assert seen == [[0, 1], [2, 3], [4, 4]]


def test_a_worker_with_several_devices_counts_once(tiny):
    from resnet_tf.distribution.strategy import make_strategy
    from resnet_tf.distribution.workers import Workers

    workers = Workers(make_strategy(tiny(strategy="mirrored").train))
    assert (workers.number, workers.replicas, workers.chief) == (1, 2, True)
    np.testing.assert_array_equal(workers.gather([3, 4]), [[3, 4]])


def test_sums_are_restored_for_another_number_of_replicas():
    import tensorflow as tf

    from resnet_tf.distribution.workers import Workers

    metrics = RunningSums()
    alone = Workers(tf.distribute.get_strategy())
    metrics.totals["images"].assign(7)
    metrics.restore({"loss": [1.5, 2.0], "errors": [1, 2], "images": [3, 4]}, alone)
    # The totals are used, not the parts of two replicas.
    assert int(metrics.images.numpy()) == 7 and float(metrics.loss.numpy()) == 0
    metrics.restore({"loss": [1.5], "errors": [1], "images": [3]}, alone)
    assert float(metrics.loss.numpy()) == 1.5 and int(metrics.images.numpy()) == 3
    assert metrics.fix(alone) == {"loss": [1.5], "errors": [1], "images": [3]}
    assert int(metrics.totals["images"].numpy()) == 3


def test_a_lost_worker_is_one_line():
    import tensorflow as tf

    from resnet_tf.distribution.cluster import Cluster
    from resnet_tf.distribution.workers import Workers

    said = (
        "Graph execution error: Detected at node x\nCollective ops is aborted by: "
        "Connection reset by peer Additional GRPC error information: 1"
    )
    strategy = tf.distribute.get_strategy()
    workers = Workers(strategy, Cluster(("a:1", "b:2"), 1))
    with pytest.raises(PeerError) as caught, workers.required():
        raise tf.errors.UnavailableError(None, None, said)
    assert str(caught.value) == (
        "worker 1 of 2 lost another one: Connection reset by peer; once all have "
        "ended, the same command resumes from the last checkpoint"
    )
    with pytest.raises(tf.errors.InvalidArgumentError), workers.required():
        raise tf.errors.InvalidArgumentError(None, None, "a fault of our own")
    with pytest.raises(tf.errors.UnavailableError), Workers(strategy).required():
        raise tf.errors.UnavailableError(None, None, said)
