"""The processes that train one run together, seen from one of them."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from resnet_tf.data.part import Part
from resnet_tf.distribution.cluster import Cluster
from resnet_tf.errors import PeerError

# The errors that TensorFlow raises if a worker is lost during an exchange.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class Workers:
    """The workers of a run; a single worker exchanges nothing.

    All workers must call the methods that exchange data, in the same order.

    Args:
        strategy: Strategy of the run.
        cluster: The workers, or None for a single one.

    Attributes:
        strategy: Strategy of the run.
        index: Index of this worker, from 0.
        number: Number of workers.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None
    ):
        self.strategy = strategy
        self.index = cluster.index if cluster else 0
        self.number = len(cluster.addresses) if cluster else 1

    @property
    def chief(self) -> bool:
        """Whether this is the worker that writes."""
        return self.index == 0

    @property
    def replicas(self) -> int:
        """Number of devices of all workers together."""
        return self.strategy.num_replicas_in_sync

    def gather(self, values: np.ndarray | Sequence[float]) -> np.ndarray:
        """Returns the values of all workers.

        Args:
            values: Numbers that a float64 holds exactly; the same shape and dtype on
                all workers.

        Returns:
            Array (number, ...), in the order of the workers.
        """
        own = np.asarray(values)
        if self.number == 1:
            return own[np.newaxis]
        rows = np.zeros((self.number, own.size))
        rows[self.index] = own.ravel()
        gathered = self._sum(tf.constant(rows)).numpy()
        return gathered.astype(own.dtype).reshape(self.number, *own.shape)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None), tf.float64)], autograph=False
    )
    def _sum(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the sum over the workers, each counted once."""

        def summed(rows):
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % self._own_replicas == 0
            own = tf.where(first, rows, tf.zeros_like(rows))
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        sums = self.strategy.run(summed, args=(rows,))
        return self.strategy.experimental_local_results(sums)[0]

    @property
    def _own_replicas(self) -> int:
        return self.replicas // self.number

    def distribute(
        self, batches: Callable[..., tf.data.Dataset]
    ) -> tf.distribute.DistributedDataset:
        """Returns the batches of the run, divided over the replicas.

        Args:
            batches: Function that returns the data set of whole batches or, given a
                `Part` as the argument `part`, of that part of each batch.
        """
        if self.number == 1:
            return self.strategy.experimental_distribute_dataset(batches())
        own = batches(part=Part(self.index, self.number))
        share = own.element_spec[0].shape[0] * self.number // self.replicas
        # The replicas of this worker take consecutive shares.
        each = own.rebatch(share, drop_remainder=True)
        return self.strategy.distribute_datasets_from_function(lambda _: each)

    def wait(self) -> None:
        """Waits until all workers have called this."""
        self.gather([0.0])

    @contextlib.contextmanager
    def required(self) -> Iterator[None]:
        """Context for work that the workers do together.

        Raises:
            PeerError: If another worker is lost.
        """
        try:
            yield
        except _LOST as error:
            if self.number == 1:
                raise
            raise PeerError(
                f"worker {self.index} of {self.number} lost another one: "
                f"{_reason(error)}; once all have ended, the same command resumes from "
                "the last checkpoint"
            ) from error


def _reason(error: tf.errors.OpError) -> str:
    """Returns the first cause in TensorFlow's message, without the graph location."""
    words = " ".join(error.message.split())
    _, cause, rest = words.partition("Collective ops is aborted by: ")
    first = re.split(r"; | Additional GRPC", rest if cause else words)[0]
    return first[:120]
