"""Networks as a user could write them, with Keras's own layers."""

import keras

layers = keras.layers


def user_resnet(
    n: int = 3,
    *,
    shortcut: str = "pool",
    use_bias: bool = False,
    projection_bn: bool = True,
    missing_bn: int | None = None,
    late_strides: bool = False,
    num_classes: int = 10,
    side: int | None = 32,
) -> keras.Model:
    """Returns a residual network of 6n+2 layers in post-activation order.

    Args:
        n: Number of blocks per stage.
        shortcut: Shortcut where the size changes: "pool" (average pooling, the map
            concatenated with itself instead of zeros), "slice" (the same with every
            second pixel), or "projection" (1x1 convolution).
        use_bias: Whether convolutions have biases.
        projection_bn: Whether a batch norm follows a projection.
        missing_bn: Stage whose last block ends without its batch norm.
        late_strides: Whether the second convolution of a block has the stride.
        num_classes: Number of outputs.
        side: Height and width of the images in pixels.
    """

    def conv(x, filters, size, strides=1):
        options = {"padding": "same", "use_bias": use_bias}
        return layers.Conv2D(filters, size, strides, **options)(x)

    def bn(x):
        return layers.BatchNormalization()(x)

    def smaller(x, filters):
        if shortcut == "projection":
            x = conv(x, filters, 1, 2)
            return bn(x) if projection_bn else x
        x = x[:, ::2, ::2] if shortcut == "slice" else layers.AveragePooling2D(2)(x)
        return layers.Concatenate()([x, x])

    images = keras.Input((side, side, 3))
    x = layers.ReLU()(bn(conv(images, 16, 3)))
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(1, n + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            first, second = (1, strides) if late_strides else (strides, 1)
            y = layers.ReLU()(bn(conv(x, filters, 3, first)))
            y = conv(y, filters, 3, second)
            if (stage, block) != (missing_bn, n):
                y = bn(y)
            if strides == 2:
                x = smaller(x, filters)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(num_classes)(x))
