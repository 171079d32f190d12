"""The densely connected network for CIFAR, plain and with bottleneck."""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.config.layers import STAGES
from resnet_tf.models.parts import Parts
from resnet_tf.models.stages import dense_stages


def build_densenet(
    config: ModelConfig | None = None,
    *,
    features: bool = False,
    **form,
) -> keras.Model:
    """Returns DenseNet for images of 32x32 pixels.

    The network consists of a 3x3 convolution (16 channels, 2k with bottleneck, or
    `stem_filters`), three dense blocks of equal length on maps of 32x32, 16x16 and
    8x8 with a transition after each of the first two, BN-ReLU, global average pooling
    and a dense head.

    Args:
        config: Config of the network; `ModelConfig(model="densenet")` if None.
        features: Whether to return a dict of the outputs of "stem", "stage1",
            "stage2", "stage3" (the dense blocks) and "logits" instead of the logits.
        **form: `dtype`, `input_shape` and `name`, see `build_model`.

    Returns:
        A functional model from (N, 32, 32, 3), or `input_shape`, to logits
        (N, num_classes).

    Raises:
        SettingError: If `input_shape` or `name` is wrong.
        ValueError: If `config.model` is not "densenet".

    Reference: Huang et al. 2016, https://arxiv.org/abs/1608.06993, section 3.
    """
    config = config or ModelConfig(model="densenet")
    parts = Parts(config, ("densenet",), **form)
    convolutions = 2 if config.bottleneck else 1
    length = (config.depth - 4) // (STAGES * convolutions)
    inputs = parts.images()
    usual = 2 * config.growth_rate if config.bottleneck else 16
    x = parts.stem_conv(config.stem_filters or usual)(inputs)
    stages = {"stem": x} | dense_stages(
        parts,
        x,
        [length] * STAGES,
        config.compression,
        growth_rate=config.growth_rate,
        bottleneck=config.bottleneck,
    )
    x = parts.bn_activation(stages["stage3"], "final")
    kind = "densenet_bc" if config.bottleneck else "densenet"
    name = f"{kind}{config.depth}_k{config.growth_rate}"
    if config.stem_filters:
        name += f"_stem{config.stem_filters}"
    return parts.classifier(inputs, x, stages if features else None, name)
