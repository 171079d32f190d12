import functools
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.sources import load_split
from resnet_tf.distribution.strategy import make_strategy
from resnet_tf.errors import SettingError
from resnet_tf.training.trainer import Trainer


def started(config):
    """Returns a trainer and its batches of digits."""
    strategy = make_strategy(config.train)
    trainer = Trainer(config, strategy)
    batches = training_batches(
        load_split(config.data, "train"),
        config.data,
        batch_size=config.train.train_batch_size,
        seed=config.train.seed,
    )
    return trainer, iter(strategy.experimental_distribute_dataset(batches))


def trained(config, steps=2, call=None):
    """Returns a trainer after `steps` updates on digits, `call` at a time."""
    trainer, batches = started(config)
    call = call or steps
    for _ in range(steps // call):
        trainer.run(batches, tf.constant(call))
    return trainer


@functools.cache
def shared(config, steps=2):
    """Returns a trainer of several tests, after `steps` updates in one call."""
    return trained(config, steps)


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """Frees the shared trainers after the tests of this file."""
    yield
    shared.cache_clear()


def arrays(trainer):
    return [np.array(weight) for weight in trainer.model.weights]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_trainable_weight_moves(tiny, precision):
    config = tiny(mixed_precision=precision)
    before = arrays(Trainer(tiny(), tf.distribute.get_strategy()))
    trainer = shared(config, 4)
    for weight, old in zip(trainer.model.weights, before, strict=True):
        assert np.isfinite(weight).all()
        assert np.any(np.array(weight) != old), weight.path
    assert int(trainer.optimizer.step.numpy()) == 4
    loss, error = trainer.metrics.result()
    assert 0 < loss < 10 and 0 <= error <= 100
    assert int(trainer.metrics.images) == 64


def test_the_seed_decides_the_weights(tiny):
    one = arrays(shared(tiny()))
    same, other = (arrays(trained(tiny(seed=seed))) for seed in (0, 1))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(one, other, strict=True))


def test_the_number_of_steps_in_a_call_does_not_matter(tiny):
    for a, b in zip(
        arrays(trained(tiny(), 4, call=1)),
        arrays(shared(tiny(), 4)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_the_largest_target_counts_as_label(tiny):
    trainer = trained(tiny(mixup=0.5), 3)
    loss, error = trainer.metrics.result()
    assert 0 < loss < 10 and 0 <= error <= 100
    assert int(trainer.metrics.images) == 48


def test_labels_and_their_one_hot_targets_give_one_loss(tiny):
    logits = tf.constant([[2.0, -1.0, 0.5] + [0.0] * 7, [0.0] * 9 + [3.0]])
    labels = tf.constant([2, 9])
    for smoothing in (0.0, 0.2):
        trainer = Trainer(tiny(label_smoothing=smoothing), make_strategy(tiny().train))
        plain = trainer._losses(labels, logits)
        soft = trainer._losses(tf.one_hot(labels, 10), logits)
        np.testing.assert_allclose(plain, soft, rtol=1e-6)
        log = tf.nn.log_softmax(logits).numpy()
        hot = np.eye(10)[labels] * (1 - smoothing) + smoothing / 10
        np.testing.assert_allclose(plain, -(hot * log).sum(axis=1), rtol=1e-5)


def test_a_frozen_backbone_keeps_its_weights_and_statistics(tiny):
    config = tiny(freeze="backbone", init_from="somewhere")
    before = arrays(Trainer(config, tf.distribute.get_strategy()))
    trainer = trained(config)
    moved = {
        weight.path
        for weight, old in zip(trainer.model.weights, before, strict=True)
        if np.any(np.array(weight) != old)
    }
    assert moved == {"logits/kernel", "logits/bias"}


DROPOUT = {"model": "densenet", "depth": 7, "growth_rate": 4, "dropout_rate": 0.5}
DRAWS = [DROPOUT, {"stochastic_depth": 0.9}]


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_dropout_draws_by_seed_step_and_lane(tiny, precision):
    config = tiny(**DROPOUT, lanes=2, mixed_precision=precision)
    trainer = Trainer(config, tf.distribute.get_strategy())
    image = tf.random.stateless_normal((1, 32, 32, 3), (0, 1))
    logits = tf.function(lambda: trainer._logits(tf.concat([image, image], axis=0)))
    first, again = logits().numpy(), logits().numpy()
    np.testing.assert_array_equal(again, first)
    assert np.all(first[0] != first[1])
    trainer.optimizer.step.assign(1)
    assert np.all(logits().numpy() != first)


def test_stochastic_depth_draws_by_seed_step_and_lane(tiny):
    config = tiny(stochastic_depth=0.5, lanes=2)
    trainer = Trainer(config, tf.distribute.get_strategy())
    images = tf.repeat(tf.random.stateless_normal((1, 32, 32, 3), (0, 1)), 16, axis=0)
    logits = tf.function(lambda: trainer._logits(images))
    first, again = logits().numpy(), logits().numpy()
    np.testing.assert_array_equal(again, first)
    # One image gives several outputs, which depend on the dropped branches alone.
    assert 2 < len(np.unique(first[:8, 0].round(5))) <= 8
    assert np.any(first[:8] != first[8:])
    trainer.optimizer.step.assign(1)
    assert np.any(logits().numpy() != first)


@pytest.mark.parametrize("draws", DRAWS, ids=["dropout", "stochastic_depth"])
def test_dropout_draws_by_replica(tiny, draws):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    trainer = Trainer(tiny(**draws), strategy)
    image = tf.random.stateless_normal((1, 32, 32, 3), (0, 1))
    run = tf.function(lambda: strategy.run(trainer._logits, args=(image,)))
    one, other = strategy.experimental_local_results(run())
    assert np.all(one.numpy() != other.numpy())


def test_without_dropout_the_graph_is_unchanged(tiny):
    counts = []
    for rate in (0.0, 0.5):
        config = tiny(**DROPOUT | {"dropout_rate": rate})
        trainer = Trainer(config, tf.distribute.get_strategy())
        image = tf.zeros((16, 32, 32, 3))
        graph = tf.function(trainer._logits).get_concrete_function(image).graph
        kinds = [operation.type for operation in graph.get_operations()]
        draws = sum("Random" in kind for kind in kinds)
        counts.append((draws, len(trainer.model.weights)))
        inference = tf.function(trainer.model).get_concrete_function(image).graph
        assert not [o for o in inference.get_operations() if "Random" in o.type]
    (none, weights), (some, same) = counts
    assert none == 0 and some > 0 and same == weights


def test_adamw_lowers_the_loss(tiny):
    settings = {"optimizer": "adamw", "nesterov": False, "init_lr": 1e-2}
    trainer, batches = started(tiny(train_steps=80, **settings))
    trainer.run(batches, tf.constant(1))
    first, _ = trainer.metrics.result()
    trainer.run(batches, tf.constant(79))
    mean, _ = trainer.metrics.result()
    assert int(trainer.metrics.images) == 80 * 16
    assert mean < 0.8 * first


@pytest.mark.parametrize(
    "settings, function",
    [
        ({}, False),
        ({"mixed_precision": "float16"}, True),
        ({"jit_compile": True}, True),
    ],
    ids=["plain", "float16", "xla"],
)
def test_the_step_is_a_graph_function_only_if_necessary(tiny, settings, function):
    trainer = Trainer(tiny(**settings), tf.distribute.get_strategy())
    assert hasattr(trainer._replica_step, "get_concrete_function") is function


def test_inlining_the_step_changes_no_bit(tiny, monkeypatch):
    plain = arrays(shared(tiny()))
    monkeypatch.setattr(
        Trainer, "_callable", lambda self, _: tf.function(self._step, autograph=False)
    )
    for a, b in zip(plain, arrays(trained(tiny())), strict=True):
        np.testing.assert_array_equal(a, b)


def test_xla_agrees(tiny):
    plain, compiled = (
        arrays(trained(tiny(jit_compile=jit), 1)) for jit in (False, True)
    )
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_follows_float32(tiny, precision):
    full = shared(tiny(), 4).metrics.result()[0]
    half = shared(tiny(mixed_precision=precision), 4).metrics.result()[0]
    assert half == pytest.approx(full, rel=0.02)


def test_one_step_by_hand(tiny):
    """The first update equals autodiff of the paper's loss with decay in it."""
    config = tiny(train_steps=1, nesterov=False, label_smoothing=0.1, report_freq=1)
    trainer = Trainer(config, tf.distribute.get_strategy())
    before = [tf.constant(v.value) for v in trainer.model.trainable_variables]
    generator = np.random.default_rng(0)
    images = generator.normal(size=(16, 32, 32, 3)).astype("float32")
    labels = np.arange(16, dtype=np.int32) % 10
    variables = [v.value for v in trainer.model.trainable_variables]
    with tf.GradientTape() as tape:
        logits = trainer.model(images, training=True)
        targets = 0.9 * tf.one_hot(labels, 10) + 0.01
        loss = tf.reduce_mean(
            -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1)
        )
        for v in trainer.model.trainable_variables:
            if v.name == "kernel":
                loss += config.optimizer.weight_decay / 2 * tf.reduce_sum(v.value**2)
    expected = tape.gradient(loss, variables)
    data = tf.data.Dataset.from_tensors((images, labels))
    trainer.run(iter(data), tf.constant(1))
    rate = float(trainer.optimizer.rate_of(0))
    for v, old, gradient in zip(variables, before, expected, strict=True):
        np.testing.assert_allclose((old - v) / rate, gradient, rtol=0.01, atol=1e-4)


def test_batch_norm_sees_one_lane_after_another(tiny):
    config = tiny(lanes=2, weight_decay=0.0)
    trainer = Trainer(config, tf.distribute.get_strategy())
    start = trainer.model.get_weights()
    images = np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype("float32")
    labels = np.arange(16, dtype=np.int32) % 10
    with tf.GradientTape() as tape:
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels[half], trainer.model(images[half], training=True)
            )
            for half in (slice(8), slice(8, 16))
        ]
        loss = tf.reduce_mean(losses)
    variables = [v.value for v in trainer.model.trainable_variables]
    expected = tape.gradient(loss, variables)
    averages = []
    for half in (slice(8), slice(8, 16)):
        trainer.model.set_weights(start)
        trainer.model(images[half], training=True)
        averages.append([np.array(w) for w in trainer.model.non_trainable_variables])
    averages = [np.mean(pair, axis=0) for pair in zip(*averages, strict=True)]
    trainer.model.set_weights(start)
    before = [v.numpy() for v in variables]
    data = tf.data.Dataset.from_tensors((images, labels))
    trainer.run(iter(data), tf.constant(1))
    assert trainer.metrics.result()[0] == pytest.approx(float(loss), rel=1e-5)
    for weight, average in zip(
        trainer.model.non_trainable_variables, averages, strict=True
    ):
        np.testing.assert_allclose(weight, average, rtol=1e-4, atol=1e-6)
    moved = [old - v.numpy() for v, old in zip(variables, before, strict=True)]
    factor = np.abs(moved[-1]).max() / np.abs(expected[-1]).max()
    for step, gradient in zip(moved, expected, strict=True):
        np.testing.assert_allclose(step, factor * gradient, rtol=0.01, atol=1e-6)


def test_lanes_give_the_same_bits_each_time(tiny):
    runs = [arrays(trained(tiny(lanes=4), 4, call=call)) for call in (1, 4)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("lanes", [3, 32])
def test_lanes_divide_the_batch(tiny, lanes):
    message = f"lanes must divide train_batch_size=16, received {lanes}"
    with pytest.raises(SettingError, match=message):
        tiny(lanes=lanes)


def test_two_replicas_train_on_every_image_once(tiny):
    trainer = shared(tiny(strategy="mirrored", init_lr=0.01))
    assert trainer._strategy.num_replicas_in_sync == 2
    assert int(trainer.metrics.images.numpy()) == 32
    assert int(trainer.optimizer.step.numpy()) == 2
    for weight in trainer.model.trainable_weights:
        replicas = [np.array(v) for v in weight.value.values]
        np.testing.assert_array_equal(*replicas)


TRICKS = {
    "optimizer": "muon",
    "sgd_lr": 0.02,
    "bias_rate_factor": 2.0,
    "lookahead": 2,
    "ema_decay": 0.2,
}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mixed_precision": "float16"},
        pytest.param(TRICKS, marks=pytest.mark.slow),
    ],
    ids=["float32", "float16", "tricks"],
)
def test_two_replicas_approximate_one(tiny, settings):
    """They are not equal: each replica normalizes with the statistics of its half."""
    config = {"init_lr": 0.01, **settings}
    one = trained(tiny(**config), 2)
    two = shared(tiny(strategy="mirrored", **config))
    assert one.metrics.result()[0] == pytest.approx(two.metrics.result()[0], rel=0.1)
    for a, b in zip(arrays(one), arrays(two), strict=True):
        np.testing.assert_allclose(a, b, atol=0.2)
    for a, b in zip(one.reported.weights, two.reported.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=0.2)


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("float16", marks=pytest.mark.slow)]
)
def test_reports_see_the_average_of_all_weights(tiny, precision):
    """The moving averages of batch norm are averaged too."""
    trainer, batches = started(tiny(ema_decay=0.2, mixed_precision=precision, lanes=2))
    expected = [weight.astype(np.float64) for weight in arrays(trainer)]
    for decay in (1 / 10, 2 / 11, 0.2):
        trainer.run(batches, tf.constant(1))
        for average, weight in zip(expected, arrays(trainer), strict=True):
            average += (1 - decay) * (weight - average)
    for weight, average in zip(trainer.reported.weights, expected, strict=True):
        np.testing.assert_allclose(weight, average, rtol=1e-5, atol=1e-6)
    content = b"".join(np.array(w).tobytes() for w in trainer.reported.weights)
    assert trainer.sha256() == hashlib.sha256(content).hexdigest()


@pytest.mark.slow
def test_an_average_does_not_change_the_training(tiny):
    averaged, plain = (trained(tiny(ema_decay=decay), 3) for decay in (0.2, 0.0))
    assert plain.reported is plain.model
    for a, b in zip(arrays(averaged), arrays(plain), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"train_batch_size": 15},
            "train_batch_size must be divisible by the 2 replicas, received 15",
        ),
        (
            {"train_batch_size": 15, "lanes": 3},
            "divisible by the 2 replicas of 3 lanes, received 15$",
        ),
        ({"jit_compile": True}, "jit_compile needs one replica, received 2"),
    ],
)
def test_settings_that_two_replicas_refuse(tiny, settings, message):
    with pytest.raises(SettingError, match=message):
        make_strategy(tiny(strategy="mirrored", **settings).train)


def test_auto_is_one_device_on_cpu(tiny):
    assert make_strategy(tiny().train).num_replicas_in_sync == 1
