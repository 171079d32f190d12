"""Builds the networks of `resnet_tf` from stock Keras layers."""

import keras
from peers.networks import (
    DENSENETS,
    EPSILON,
    GOOGLENETS,
    RESNETS,
    STAGE_FILTERS,
    DenseNet,
)


def build(model: str) -> keras.Model:
    """Returns a network from images (N, 32, 32, 3) to float32 logits (N, 10).

    Uses Keras's global dtype policy.
    """
    inputs = keras.Input((32, 32, 3))
    if model in RESNETS:
        x = _bn_relu(_resnet(inputs, RESNETS[model]))
    elif model in DENSENETS:
        x = _bn_relu(_densenet(inputs, DENSENETS[model]))
    else:
        x = _googlenet(inputs, *GOOGLENETS[model])
    x = keras.layers.GlobalAveragePooling2D()(x)
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


def _densenet(inputs: keras.KerasTensor, net: DenseNet) -> keras.KerasTensor:
    x = _conv(inputs, net.stem, use_bias=net.stem_bias)
    for stage, length in enumerate(net.lengths):
        if stage:
            x = _conv(_bn_relu(x), x.shape[-1] // (2 if net.halved else 1), 1)
            x = keras.layers.AveragePooling2D(2)(x)
        for _ in range(length):
            y = x
            if net.bottleneck:
                y = _conv(_bn_relu(x), net.bottleneck * net.growth_rate, 1)
            y = _conv(_bn_relu(y), net.growth_rate)
            x = keras.layers.Concatenate()([y, x] if net.new_first else [x, y])
    return x


def _googlenet(
    inputs: keras.KerasTensor, stem: int, stages: tuple
) -> keras.KerasTensor:
    x = _unit(inputs, stem, 3)
    for stage, blocks in enumerate(stages):
        if stage:
            x = keras.layers.MaxPooling2D(3, 2, "same")(x)
        for filters, reduced in blocks:
            branches = [
                _unit(x, filters[0], 1),
                _unit(_unit(x, reduced[0], 1), filters[1], 3),
                _unit(_unit(x, reduced[1], 1), filters[2], 5),
                _unit(keras.layers.MaxPooling2D(3, 1, "same")(x), filters[3], 1),
            ]
            x = keras.layers.Concatenate()(branches)
    return x


def _unit(x: keras.KerasTensor, filters: int, size: int) -> keras.KerasTensor:
    return _bn_relu(_conv(x, filters, size, use_bias=True))


def _conv(
    x: keras.KerasTensor,
    filters: int,
    size: int = 3,
    strides: int = 1,
    use_bias: bool = False,
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        size,
        strides,
        "same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
    )(x)


def _bn_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=EPSILON)(x)
    return keras.layers.ReLU()(x)
