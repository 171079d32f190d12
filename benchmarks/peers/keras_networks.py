"""The networks of `resnet_tf` from stock Keras layers."""

import keras
from peers.networks import DENSENETS, EPSILON, RESNETS, STAGE_FILTERS


def build(model: str) -> keras.Model:
    """Returns a network from images (N, 32, 32, 3) to float32 logits (N, 10).

    Uses Keras's global dtype policy.
    """
    inputs = keras.Input((32, 32, 3))
    if model in RESNETS:
        x = _resnet(inputs, RESNETS[model])
    else:
        x = _densenet(inputs, *DENSENETS[model])
    x = keras.layers.GlobalAveragePooling2D()(_bn_relu(x))
    return keras.Model(inputs, keras.layers.Dense(10, dtype="float32")(x))


def _resnet(inputs: keras.KerasTensor, blocks: int) -> keras.KerasTensor:
    x = _bn_relu(_conv(inputs, STAGE_FILTERS[0]))
    for stage, filters in enumerate(STAGE_FILTERS):
        for block in range(blocks):
            down = stage > 0 and block == 0
            y = x if stage == block == 0 else _bn_relu(x)
            y = _conv(y, filters, strides=2 if down else 1)
            y = _conv(_bn_relu(y), filters)
            if down:
                x = keras.layers.AveragePooling2D(2)(x)
                half = filters // 4
                x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [half, half]])
            x = keras.layers.Add()([y, x])
    return x


def _densenet(
    inputs: keras.KerasTensor, length: int, growth_rate: int, compressed: bool
) -> keras.KerasTensor:
    x = _conv(inputs, 2 * growth_rate if compressed else 16)
    for stage in range(3):
        if stage:
            channels = x.shape[-1]
            x = _conv(_bn_relu(x), channels // 2 if compressed else channels, 1)
            x = keras.layers.AveragePooling2D(2)(x)
        for _ in range(length):
            y = _conv(_bn_relu(x), 4 * growth_rate, 1) if compressed else x
            y = _conv(_bn_relu(y), growth_rate)
            x = keras.layers.Concatenate()([x, y])
    return x


def _conv(
    x: keras.KerasTensor, filters: int, size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        size,
        strides,
        "same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=EPSILON)(x)
    return keras.layers.ReLU()(x)
