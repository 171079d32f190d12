import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import DenseLayer, Transition, compressed, vectors
from resnet_tf.layers.dense import recomputed
from resnet_tf.machine import has_bfloat16
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")


def test_plain_layer(x, tmp_path):
    output = check_layer(DenseLayer(3), x, (2, 4, 4, 9), 12 + 9 * 6 * 3, 12)
    np.testing.assert_array_equal(output[..., :6], x)
    check_saving(DenseLayer(3), x, tmp_path)


def test_bottleneck_layer(x, tmp_path):
    layer = DenseLayer(3, bottleneck=True)
    parameters = 12 + 6 * 12 + 24 + 9 * 12 * 3
    output = check_layer(layer, x, (2, 4, 4, 9), parameters, 36)
    np.testing.assert_array_equal(output[..., :6], x)
    assert layer.conv1.filters == 12 and layer.conv1.kernel_size == (1, 1)
    check_saving(DenseLayer(3, bottleneck=True), x, tmp_path)


def test_the_width_of_the_bottleneck(x):
    layer = DenseLayer(3, bottleneck=True, bottleneck_width=2)
    parameters = 12 + 6 * 6 + 12 + 9 * 6 * 3
    check_layer(layer, x, (2, 4, 4, 9), parameters, 24)
    assert layer.conv1.filters == 6


@pytest.mark.parametrize("bottleneck", [False, True])
def test_new_channels_first(bottleneck, x, tmp_path):
    layers = [DenseLayer(3, bottleneck, new_first=first) for first in (False, True)]
    for layer in layers:
        layer.build(x.shape)
    layers[1].set_weights(layers[0].get_weights())
    last, first = (layer(x).numpy() for layer in layers)
    np.testing.assert_array_equal(first[..., 3:], x)
    np.testing.assert_array_equal(first[..., :3], last[..., 6:])
    check_saving(DenseLayer(3, bottleneck, new_first=True), x, tmp_path)


def test_new_channels_are_conv_relu_bn(x):
    layer = DenseLayer(3)
    layer.build(x.shape)
    activated = np.maximum(layer.bn1(x, training=True), 0)
    expected = layer.conv1(activated)
    output = layer(x, training=True).numpy()
    np.testing.assert_allclose(output[..., 6:], expected, atol=1e-5)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_the_memory_efficient_layer_passes_the_checks(bottleneck, x, tmp_path):
    layers = [DenseLayer(3, bottleneck, memory_efficient=on) for on in (False, True)]
    parameters = 12 + (6 * 12 + 24 + 9 * 12 * 3 if bottleneck else 9 * 6 * 3)
    moving = 36 if bottleneck else 12
    check_layer(layers[1], x, (2, 4, 4, 9), parameters, moving)
    layers[0].build(x.shape)
    layers[0].set_weights(layers[1].get_weights())
    np.testing.assert_array_equal(layers[0](x), layers[1](x))
    check_saving(DenseLayer(3, bottleneck, memory_efficient=True), x, tmp_path)


@pytest.mark.parametrize("new_first", [False, True])
@pytest.mark.parametrize("memory_efficient", [False, True])
def test_a_list_stands_for_its_concatenation(memory_efficient, new_first, x):
    layer = DenseLayer(3, new_first=new_first, memory_efficient=memory_efficient)
    joined = layer(x).numpy()
    parts = layer([x[..., :4], x[..., 4:]])
    widths = [3, 4, 2] if new_first else [4, 2, 3]
    assert [part.shape[-1] for part in parts] == widths
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), joined)
    shapes = layer.compute_output_shape([(2, 4, 4, 4), (2, 4, 4, 2)])
    assert shapes == [tuple(part.shape) for part in parts]


def test_maps_that_fill_whole_vectors_are_joined():
    parts = [np.ones((1, 4, 4, width), "float32") for width in (16, 12, 4)]
    layer, efficient = DenseLayer(12), DenseLayer(12, memory_efficient=True)
    for training in (False, True):
        assert [x.shape[-1] for x in layer(parts, training=training)] == [32, 12]
    assert [x.shape[-1] for x in DenseLayer(12)(parts[:2])] == [16, 12, 12]
    assert [x.shape[-1] for x in efficient(parts)] == [16, 12, 4, 12]
    assert layer.compute_output_shape([part.shape for part in parts]) == [
        (1, 4, 4, 32),
        (1, 4, 4, 12),
    ]


def test_a_list_of_inputs_is_saved(x, tmp_path):
    first, second = keras.Input((4, 4, 4)), keras.Input((4, 4, 2))
    layer = DenseLayer(3, memory_efficient=True)
    model = keras.Model([first, second], layer([first, second]))
    parts = [x[..., :4], x[..., 4:]]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(again(parts), model(parts), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("settings", [{}, {"bottleneck": True}, {"new_first": True}])
@pytest.mark.parametrize("jit_compile", [None, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_recomputed_gradients_equal_plain_gradients(settings, jit_compile, frozen, x):
    parts = [tf.constant(x[..., :4]), tf.constant(x[..., 4:])]
    noise = np.random.default_rng(1).normal(size=(2, 4, 4, 9)).astype("float32")
    found, averages = [], []
    for memory_efficient in (False, True):
        keras.utils.set_random_seed(0)
        layer = DenseLayer(3, memory_efficient=memory_efficient, **settings)
        layer.build([(2, 4, 4, 4), (2, 4, 4, 2)])
        layer.trainable = not frozen
        moving = [layer.bn1.moving_mean, layer.bn1.moving_variance]
        weights = [layer.bn1.gamma.value, layer.conv1.kernel.value]

        def gradients(parts, layer=layer, weights=weights):
            wanted = [*parts, *weights]
            with tf.GradientTape() as tape:
                tape.watch(wanted)
                joined = tf.concat(layer(parts, training=True), -1)
                loss = tf.reduce_sum(noise * joined * joined)
            return tape.gradient(loss, wanted)

        if memory_efficient:  # the plain layer needs no graph
            gradients = tf.function(gradients, jit_compile=jit_compile, autograph=False)
        found.append(gradients(parts))
        averages.append([value.numpy() for value in moving])
    for plain, efficient in zip(*found, strict=True):
        scale = np.abs(plain).max()
        assert scale > 0
        np.testing.assert_allclose(efficient, plain, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(*averages, rtol=1e-6)
    assert np.array_equal(averages[1], [np.zeros(6), np.ones(6)]) is frozen


@pytest.mark.parametrize("settings", [{}, {"bottleneck": True}, {"new_first": True}])
@pytest.mark.parametrize("jit_compile", [None, True])
def test_recomputed_gradients_in_half_precision(settings, jit_compile):
    """28 channels, filled up to 32, and a narrow convolution to 12."""
    numbers = np.random.default_rng(0)
    shapes = [(2, 6, 6, 16), (2, 6, 6, 12)]
    parts = [tf.cast(numbers.normal(size=shape), "bfloat16") for shape in shapes]
    noise = numbers.normal(size=(2, 6, 6, 40)).astype("float32")
    found, state = [], None
    for memory_efficient in (False, True):
        layer = DenseLayer(
            12, memory_efficient=memory_efficient, dtype="mixed_bfloat16", **settings
        )
        layer.build(shapes)
        state = state or layer.get_weights()
        layer.set_weights(state)

        @tf.function(jit_compile=jit_compile, autograph=False)
        def gradients(parts, layer=layer):
            wanted = [*parts, *(weight.value for weight in layer.trainable_weights)]
            with tf.GradientTape() as tape:
                tape.watch(parts)
                joined = tf.concat(layer(parts, training=True), -1)
                loss = tf.reduce_sum(noise * tf.cast(joined, "float32"))
            return tape.gradient(loss, wanted)

        found.append(gradients(parts))
        graph = gradients.get_concrete_function(parts).graph
        # An operation of the narrow gradient, if it is used.
        kinds = {op.type for op in graph.get_operations()}
        assert ("ReverseV2" in kinds) is has_bfloat16()
    assert_close(*found, 3e-2)


def assert_close(found, expected, tolerance):
    """Asserts that no tensor differs by more than this share of its largest value."""
    for one, other in zip(found, expected, strict=True):
        one, other = (tf.cast(tensor, "float32").numpy() for tensor in (one, other))
        scale = np.abs(other).max()
        assert scale > 0
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-5), ("mixed_bfloat16", 3e-2)]
)
@pytest.mark.parametrize("bottleneck", [False, True])
def test_the_zeros_change_no_gradient(bottleneck, dtype, tolerance, monkeypatch):
    """Compares a dense block that fills its vectors with one that does not."""
    numbers = np.random.default_rng(0)
    x = tf.constant(numbers.normal(size=(4, 6, 6, 16)), tf.float32)
    noise = tf.constant(numbers.normal(size=(4, 6, 6, 16 + 3 * 12)), tf.float32)
    layers = [DenseLayer(12, bottleneck, dtype=dtype) for _ in range(3)]
    widths = []

    def filled(parts):
        x = vectors.filled(parts)
        widths.append(x.shape[-1])
        return x

    def gradients():
        moving = []
        with tf.GradientTape() as tape:
            tape.watch(x)
            maps = [x]
            for layer in layers:
                maps = layer(maps, training=True)
                moving += layer.non_trainable_weights
            loss = tf.reduce_sum(noise * tf.cast(tf.concat(maps, -1), "float32"))
        weights = [w.value for layer in layers for w in layer.trainable_weights]
        found = tape.gradient(loss, [x, *weights])
        return [loss, *found], [weight.numpy() for weight in moving]

    gradients()  # builds
    state = [layer.get_weights() for layer in layers]
    monkeypatch.setattr("resnet_tf.layers.dense.filled", filled)
    with_zeros, moved = gradients()
    assert widths == [16, 32, 48]
    for layer, weights in zip(layers, state, strict=True):
        layer.set_weights(weights)
    for module in ("dense", "batch_norm"):
        name = f"resnet_tf.layers.{module}.filled"
        monkeypatch.setattr(name, lambda parts: tf.concat(parts, -1))
    plain, expected = gradients()
    assert len(plain) == 2 + 3 * (6 if bottleneck else 3)
    assert_close([*with_zeros, *moved], [*plain, *expected], tolerance)


@pytest.mark.parametrize("memory_efficient", [False, True])
def test_gradients_are_finite_in_float16(memory_efficient):
    numbers = np.random.default_rng(0)
    parts = [
        tf.cast(numbers.normal(size=(2, 6, 6, width)), "float16") for width in (16, 12)
    ]
    layer = DenseLayer(12, memory_efficient=memory_efficient, dtype="mixed_float16")
    with tf.GradientTape() as tape:
        tape.watch(parts)
        joined = tf.concat(layer(parts, training=True), -1)
        loss = tf.reduce_mean(tf.square(tf.cast(joined, "float32")))
    assert joined.dtype == "float16"
    weights = [weight.value for weight in layer.trainable_weights]
    for gradient in tape.gradient(loss, [*parts, *weights]):
        assert np.isfinite(gradient).all() and np.any(gradient != 0)


@pytest.mark.parametrize("memory_efficient", [False, True])
def test_replicas_compute_as_one_device_does(memory_efficient):
    """Each for its own images. The moving averages are means over the replicas."""
    numbers = np.random.default_rng(0)
    x = tf.constant(numbers.normal(size=(2, 4, 6, 6, 28)), "float32")  # a half each
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    alone = [DenseLayer(12) for _ in range(2)]
    with strategy.scope():
        layer = DenseLayer(12, memory_efficient=memory_efficient)
        layer.build(x.shape[1:])
    for each in alone:
        each.build(x.shape[1:])
        each.set_weights(layer.get_weights())

    def gradients(x, layer):
        weights = [weight.value for weight in layer.trainable_weights]
        with tf.GradientTape() as tape:
            new = layer([x[..., :16], x[..., 16:]], training=True)[-1]
            loss = tf.reduce_sum(tf.square(new))
        return tape.gradient(loss, weights)

    @tf.function
    def step():
        values = strategy.experimental_distribute_values_from_function(
            lambda context: x[context.replica_id_in_sync_group]
        )
        return strategy.run(gradients, (values, layer))

    found = [strategy.experimental_local_results(each) for each in step()]
    expected = [gradients(half, each) for half, each in zip(x, alone, strict=True)]
    for replica in range(2):
        assert_close([each[replica] for each in found], expected[replica], 2e-5)
    averages = [each.bn1.moving_mean.numpy() for each in alone]
    assert_close([layer.bn1.moving_mean], [sum(averages) / 2], 1e-5)


def test_only_values_that_the_gradient_needs_are_recomputed():
    calls = []

    def function(x, weight):
        calls.append(len(calls))
        return tf.matmul(tf.nn.softplus(x), weight), x

    @tf.function
    def gradients(x, weight):
        with tf.GradientTape() as tape:
            tape.watch([x, weight])
            y, _ = recomputed(function, 0)(x, weight)
        return tape.gradient(y, [x, weight])

    x, weight = tf.constant([[1.0, -2.0]]), tf.constant([[3.0], [-1.0]])
    for found, expected in zip(
        gradients(x, weight),
        (weight[:, 0] * tf.sigmoid(x), tf.transpose(tf.nn.softplus(x))),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert calls == [0, 1]


@pytest.mark.parametrize(
    ("compression", "filters"), [(1.0, 6), (0.5, 3), (0.4, 2), (0.99, 5)]
)
def test_transition_keeps_the_floor(x, compression, filters, tmp_path):
    assert compressed(6, compression) == filters
    layer = Transition(filters)
    check_layer(layer, x, (2, 2, 2, filters), 12 + 6 * filters, 12)
    check_saving(Transition(filters), x, tmp_path)


@pytest.mark.parametrize("layer", [DenseLayer(3, bottleneck=True), Transition(3)])
def test_the_activation(layer, x):
    other = type(layer).from_config({**layer.get_config(), "activation": "tanh"})
    for each in (layer, other):
        each.build(x.shape)
    other.set_weights(layer.get_weights())
    assert np.abs(layer(x).numpy() - other(x).numpy()).max() > 1e-3
    other._activate = layer._activate
    np.testing.assert_array_equal(layer(x), other(x))


def test_the_floor_is_of_the_exact_product():
    assert compressed(100, 0.29) == 29


def test_transition_pools_after_the_convolution(x):
    layer = Transition(3)
    layer.build(x.shape)
    inner = layer.conv(np.maximum(layer.bn(x, training=True), 0)).numpy()
    expected = inner.reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-5)


@pytest.mark.parametrize("compression", [0.0, 1.5])
def test_wrong_compression(compression):
    with pytest.raises(ValueError, match=r"compression must be in \(0, 1\]"):
        compressed(6, compression)
