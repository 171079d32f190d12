"""A plain GradientTape step of stock Keras."""

import keras
import tensorflow as tf


def make_stock_step(model: keras.Model):
    """Returns a function of (images, labels) that does one update."""
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_function(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    return step
