"""The devices of a run, several times in one process."""

import numpy as np
import tensorflow as tf

from resnet_tf.config import TrainConfig
from resnet_tf.distribution.strategy import make_strategy


def test_each_strategy_exchanges_tensors_of_its_own_shapes():
    """TensorFlow remembers the shapes of earlier strategies in the process."""
    for size in (3, 5):
        strategy = make_strategy(TrainConfig(strategy="mirrored"))
        assert strategy.num_replicas_in_sync == 2

        @tf.function
        def summed(size=size, strategy=strategy):
            def one():
                context = tf.distribute.get_replica_context()
                value = tf.ones(size) * (1.0 + tf.cast(size, tf.float32))
                return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

            return strategy.experimental_local_results(strategy.run(one))

        for found in summed():
            np.testing.assert_array_equal(found, np.full(size, 2.0 * (1 + size)))
