"""The same ResNet from stock Keras layers, trained by a plain GradientTape step."""

import keras
import tensorflow as tf


def build_stock_resnet(num_residual_blocks: int) -> keras.Model:
    """Returns the pre-activation ResNet-(6n+2) of `resnet_tf`, made of stock layers.

    Uses Keras's global dtype policy.
    """
    x = inputs = keras.Input((32, 32, 3))
    x = _bn_relu(_conv(16)(x))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(num_residual_blocks):
            down = stage > 0 and block == 0
            y = x if stage == 0 and block == 0 else _bn_relu(x)
            y = _conv(filters, 2 if down else 1)(y)
            y = _conv(filters)(_bn_relu(y))
            if down:
                x = keras.layers.AveragePooling2D(2)(x)
                half = filters // 4
                x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [half, half]])
            x = keras.layers.Add()([y, x])
    x = keras.layers.GlobalAveragePooling2D()(_bn_relu(x))
    return keras.Model(inputs, keras.layers.Dense(10, dtype="float32")(x))


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


def _conv(filters: int, strides: int = 1) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters,
        3,
        strides,
        "same",
        use_bias=False,
        kernel_initializer="he_normal",
    )


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)
    return keras.layers.ReLU()(x)
