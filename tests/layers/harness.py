"""Checks for every layer: shapes, counts, round trips, graphs and gradients."""

import keras
import numpy as np
import tensorflow as tf


def check_layer(layer, inputs, output_shape, trainable, non_trainable):
    """Runs the checks that every layer must pass; returns its output in inference."""
    assert tuple(layer.compute_output_shape(inputs.shape)) == output_shape
    output = layer(inputs)
    assert tuple(output.shape) == output_shape
    assert output.dtype == layer.compute_dtype
    assert _count(layer.trainable_weights) == trainable
    assert _count(layer.non_trainable_weights) == non_trainable
    _check_config(layer, inputs, output)
    _check_graph(layer, inputs)
    _check_gradients(layer, inputs)
    return output.numpy()


def check_saving(layer, inputs, folder):
    """Asserts that the `.keras` format restores an equal layer."""
    entry = keras.Input(inputs.shape[1:])
    model = keras.Model(entry, layer(entry))
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    path = folder / "layer.keras"
    model.save(path)
    again = keras.models.load_model(path)
    assert type(again.layers[-1]) is type(layer)
    np.testing.assert_array_equal(again(inputs), model(inputs))


def _count(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _check_config(layer, inputs, output):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    again.build(inputs.shape)
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(inputs), output)


def _check_graph(layer, inputs):
    for options in ({}, {"training": True}):
        if options and not layer._call_has_training_arg:
            continue
        start = layer.get_weights()
        eager = layer(inputs, **options)
        moved = layer.get_weights()
        layer.set_weights(start)
        graph = tf.function(lambda x, o=options: layer(x, **o), autograph=False)(inputs)
        np.testing.assert_allclose(eager, graph, rtol=1e-5, atol=1e-5)
        for one, other in zip(moved, layer.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def _check_gradients(layer, inputs):
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        output = tf.cast(layer(inputs), "float32")
        noise = np.random.default_rng(2).normal(size=output.shape)
        loss = tf.reduce_sum(output * noise)
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient).all() and np.any(gradient != 0), variable.name
