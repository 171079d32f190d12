"""The CIFAR densely connected network, plain and with bottleneck."""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.layers import DenseLayer, Transition, compressed
from resnet_tf.models.parts import IMAGE_SHAPE, Parts

STAGES = 3


def build_densenet(
    config: ModelConfig | None = None,
    *,
    features: bool = False,
    dtype: str | None = None,
) -> keras.Model:
    """Returns DenseNet for images of 32x32 pixels.

    A 3x3 convolution (16 channels, 2k with bottleneck), three dense blocks of
    equal length on maps of 32x32, 16x16 and 8x8 with a transition after the
    first two, BN-ReLU, global average pooling and a dense head.

    Args:
        config: The network; `ModelConfig(model="densenet")` if None.
        features: Return a dict of the outputs of "stem", "stage1", "stage2",
            "stage3" (the dense blocks) and "logits" instead of the logits alone.
        dtype: Keras dtype policy, such as "mixed_bfloat16"; the global one if
            None. Logits are float32 in each.

    Returns:
        A functional model from (N, 32, 32, 3) to logits (N, num_classes).

    Raises:
        ValueError: If `config.model` is not "densenet".

    Reference: Huang et al. 2016, https://arxiv.org/abs/1608.06993, section 3.
    """
    config = config or ModelConfig(model="densenet")
    parts = Parts(config, "densenet", dtype)
    convolutions = 2 if config.bottleneck else 1
    length = (config.depth - 4) // (STAGES * convolutions)
    inputs = keras.Input(IMAGE_SHAPE, name="images")
    x = parts.stem_conv(2 * config.growth_rate if config.bottleneck else 16)(inputs)

    stages = {"stem": x}
    for stage in range(1, STAGES + 1):
        for layer in range(1, length + 1):
            name = f"stage{stage}_layer{layer}"
            x = DenseLayer(
                config.growth_rate, config.bottleneck, name=name, **parts.options
            )(x)
        stages[f"stage{stage}"] = x
        if stage < STAGES:
            name = f"transition{stage}"
            filters = compressed(x.shape[-1], config.compression)
            x = Transition(filters, name=name, **parts.options)(x)

    x = parts.bn_relu(x, "final")
    kind = "densenet_bc" if config.bottleneck else "densenet"
    name = f"{kind}{config.depth}_k{config.growth_rate}"
    return parts.classifier(inputs, x, stages if features else None, name)
