"""The devices of a run."""

import itertools

import tensorflow as tf

from resnet_tf.config import TrainConfig
from resnet_tf.distribution.cluster import Cluster
from resnet_tf.distribution.rendezvous import bounded
from resnet_tf.errors import SettingError

# More than the number of device groups that one strategy makes.
_KEYS = 1000


def make_strategy(
    config: TrainConfig, cluster: Cluster | None = None
) -> tf.distribute.Strategy:
    """Returns the strategy that `config.strategy` names.

    With several workers, each uses all its GPUs, or its CPU. "auto" uses all local GPUs
    if there are several, else the default device; "mirrored" uses all GPUs, or all
    logical CPUs.

    Args:
        config: Settings of the run. With several workers, TensorFlow must not have run
            yet.
        cluster: The workers, which all must call this at the same time; None for one.

    Raises:
        SettingError: If the batch does not divide over the replicas, or XLA is
            requested with several replicas.
    """
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if cluster:
        strategy = _multi_worker(config, cluster)
        _check(config, strategy.num_replicas_in_sync)
        return strategy
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    several = len(devices) > 1 and kind == "GPU"
    if config.strategy == "one" or (config.strategy == "auto" and not several):
        return tf.distribute.get_strategy()
    _check(config, len(devices))
    return _Mirrored([device.removeprefix("/device:") for device in devices])


class _Mirrored(tf.distribute.MirroredStrategy):
    """A strategy whose collective operations have keys of their own.

    TensorFlow numbers the collective operations of each strategy from the same start,
    and remembers the shape of each number while the process lives. So a second strategy
    would clash with the shapes of the first network.
    """

    _bases = itertools.count(_KEYS, _KEYS)

    def __init__(self, devices: list[str]):
        self._collective_key_base = next(self._bases)
        super().__init__(devices)


def _multi_worker(config: TrainConfig, cluster: Cluster) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    line = (
        f"the {len(cluster.addresses)} workers met, but TensorFlow did not connect "
        f"them within {config.peer_timeout:g} s: {', '.join(cluster.addresses)}"
    )
    with bounded(config.peer_timeout, line):
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _check(config: TrainConfig, replicas: int) -> None:
    if config.train_batch_size % (replicas * config.lanes * config.accumulate):
        lanes = f" of {config.lanes} lanes" if config.lanes > 1 else ""
        parts = config.accumulate
        times = f" times accumulate={parts}" if parts > 1 else ""
        raise SettingError(
            f"train_batch_size must be divisible by the {replicas} replicas{lanes}"
            f"{times}, "
            f"received {config.train_batch_size}"
        )
    if config.jit_compile and replicas > 1:
        raise SettingError(
            f"jit_compile needs one replica, received {replicas}; use --strategy=one"
        )
