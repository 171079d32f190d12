"""The CIFAR residual network of 6n+2 layers, in both orders."""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.layers import PreActResidualBlock, ResidualBlock
from resnet_tf.models.parts import IMAGE_SHAPE, Parts

STAGE_FILTERS = (16, 32, 64)


def build_resnet(
    config: ModelConfig | None = None,
    *,
    features: bool = False,
    dtype: str | None = None,
) -> keras.Model:
    """Returns ResNet-(6n+2) for images of 32x32 pixels.

    A 3x3 convolution to 16 channels, three stages of n blocks with 16, 32 and 64
    channels on maps of 32x32, 16x16 and 8x8, global average pooling and a dense
    head. Trainable parameters: 97,216 n - 21,926 for 10 classes.

    Args:
        config: The network; `ModelConfig()` if None.
        features: Return a dict of the outputs of "stem", "stage1", "stage2",
            "stage3" and "logits" instead of the logits alone.
        dtype: Keras dtype policy, such as "mixed_bfloat16"; the global one if
            None. Logits are float32 in each.

    Returns:
        A functional model from (N, 32, 32, 3) to logits (N, num_classes).

    Raises:
        ValueError: If `config.model` is not "resnet".

    Reference: He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2;
    order "pre": He et al. 2016, https://arxiv.org/abs/1603.05027.
    """
    config = config or ModelConfig()
    parts = Parts(config, "resnet", dtype)
    inputs = keras.Input(IMAGE_SHAPE, name="images")
    x = parts.stem_conv(STAGE_FILTERS[0])(inputs)
    x = parts.bn_relu(x, "stem")

    stages = {"stem": x}
    for stage, filters in enumerate(STAGE_FILTERS, start=1):
        for block in range(1, config.num_residual_blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            options = {**parts.options, "name": f"stage{stage}_block{block}"}
            if config.order == "post":
                x = ResidualBlock(filters, strides, **options)(x)
            else:
                follows_stem = stage == 1 and block == 1
                x = PreActResidualBlock(
                    filters, strides, preactivate=not follows_stem, **options
                )(x)
        stages[f"stage{stage}"] = x

    if config.order == "pre":
        x = parts.bn_relu(x, "final")
    name = f"resnet{config.layers_deep}"
    return parts.classifier(inputs, x, stages if features else None, name)
