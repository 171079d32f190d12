import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.distribution.strategy import make_strategy
from resnet_tf.errors import SettingError
from resnet_tf.layers import BatchNorm
from resnet_tf.training.accumulate import accumulated
from resnet_tf.training.trainer import Trainer


def batch():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(16, 32, 32, 3)).astype("float32")
    return images, np.arange(16, dtype=np.int32) % 10


def moving_averages(model):
    return [w for w in model.weights if w.name.startswith("moving_")]


def moved(config, normalize=True):
    """Returns a trainer after one update, and the change of each weight.

    Args:
        config: The experiment.
        normalize: Whether batch norm uses the statistics of the batch.
    """
    strategy = make_strategy(config.train)
    trainer = Trainer(config, strategy)
    for layer in trainer.model._flatten_layers():
        if isinstance(layer, BatchNorm):
            layer.trainable = normalize
    data = tf.data.Dataset.from_tensors(batch())
    data = strategy.experimental_distribute_dataset(data)
    before = trainer.model.get_weights()
    trainer.run(iter(data), tf.constant(1))
    after = trainer.model.get_weights()
    changes = [new - old for new, old in zip(after, before, strict=True)]
    return trainer, changes


def test_the_sum_of_the_parts():
    x = tf.reshape(tf.range(12.0), (6, 2))
    seen = []

    def gradients(rows, labels, part):
        seen.append(rows.shape)
        return [tf.reduce_sum(rows, axis=0), tf.reduce_sum(labels)]

    run = tf.function(lambda: accumulated(gradients, (x, tf.range(6)), 3))
    rows, labels = run()
    assert rows.numpy().tolist() == [30.0, 36.0] and int(labels) == 15
    assert set(map(tuple, seen)) == {(2, 2)}


@pytest.mark.parametrize("loop", [True, False])
def test_gradients_know_the_index_of_the_micro_batch(loop):
    x = tf.range(6.0)
    run = tf.function(
        lambda: accumulated(
            lambda x, part: [x * 2.0 ** tf.cast(part, tf.float32)], [x], 3, loop
        )
    )
    np.testing.assert_array_equal(run()[0], [0 + 4 + 16, 1 + 6 + 20])


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_without_batch_norm_parts_equal_the_whole_batch(tiny, precision):
    config = {"mixed_precision": precision, "weight_decay": 0.0}
    whole, expected = moved(tiny(**config), normalize=False)
    parts, found = moved(tiny(accumulate=4, **config), normalize=False)
    tolerance = 1e-5 if precision == "float32" else 1e-2
    weights = whole.model.get_weights()
    for one, other, weight in zip(found, expected, weights, strict=True):
        scale = np.abs(other).max()
        # A change is a difference of two rounded weights.
        rounding = np.spacing(np.abs(weight).max())
        np.testing.assert_allclose(one, other, atol=tolerance * scale + rounding + 1e-8)
    assert any(np.any(change) for change in found)
    assert parts.metrics.result()[0] == pytest.approx(whole.metrics.result()[0], 1e-3)
    assert int(parts.metrics.images) == 16 and int(parts.optimizer.step.numpy()) == 1


@pytest.mark.parametrize("settings", [{"accumulate": 2}, {"lanes": 2}])
def test_moving_averages_move_once_by_the_mean_of_the_parts(tiny, settings):
    trainer, _ = moved(tiny(**settings))
    found = [np.array(average.value) for average in moving_averages(trainer.model)]
    assert len(found) == 2 * 7
    each = []
    fresh = Trainer(tiny(), tf.distribute.get_strategy()).model
    start = fresh.get_weights()
    for half in (slice(8), slice(8, 16)):
        fresh.set_weights(start)
        fresh(batch()[0][half], training=True)
        each.append([np.array(a.value) for a in moving_averages(fresh)])
    for average, one, other in zip(found, *each, strict=True):
        np.testing.assert_allclose(average, (one + other) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"sync_batch_norm": True}, {"lanes": 2}])
def test_two_replicas_accumulate_alike(tiny, settings):
    trainer, _ = moved(tiny(accumulate=2, strategy="mirrored", **settings))
    assert int(trainer.metrics.images.numpy()) == 16
    for weight in trainer.model.weights:
        np.testing.assert_array_equal(*[np.array(v) for v in weight.value.values])


def test_the_parts_divide_the_batch(tiny):
    with pytest.raises(SettingError, match="accumulate must divide train_batch_size="):
        tiny(accumulate=3)
    with pytest.raises(SettingError, match="16 over lanes=8, received 4"):
        tiny(accumulate=4, lanes=8)
    with pytest.raises(SettingError, match="2 replicas times accumulate=16, received"):
        make_strategy(tiny(strategy="mirrored", accumulate=16).train)
