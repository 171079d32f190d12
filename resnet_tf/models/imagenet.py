"""The ImageNet networks, with their own stem or with a stem for 32x32 pixels.

They pad as PyTorch does, so torchvision's weights fit.
"""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.layers import MaxPool, ResidualBlock
from resnet_tf.models.parts import Parts
from resnet_tf.models.stages import (
    Place,
    dense_stages,
    residual_options,
    residual_stages,
)

RESNET_LENGTHS = {
    "resnet18": (2, 2, 2, 2),
    "resnet18_cifar": (2, 2, 2, 2),
    "resnet34_cifar": (3, 4, 6, 3),
}
RESNET_FILTERS = (64, 128, 256, 512)
DENSENET_LENGTHS = (6, 12, 24, 16)


def build_imagenet_resnet(
    config: ModelConfig, *, features: bool = False, **form
) -> keras.Model:
    """Returns ResNet-18 or ResNet-34 with ImageNet's widths.

    `resnet18` is torchvision's network: a 7x7 convolution with stride 2 and max
    pooling, then four stages of 64 to 512 channels on maps of 56x56 to 7x7, shortcut
    "B". The `_cifar` forms come from https://github.com/kuangliu/pytorch-cifar: a
    3x3 convolution, no pooling, maps of 32x32 to 4x4. Trainable parameters for
    10 classes: `resnet18` 11,181,642; `resnet18_cifar` 11,173,962; `resnet34_cifar`
    21,282,122.

    Arguments and results are the same as for `build_resnet`, with a fourth stage. The
    images are (N, 224, 224, 3) for `resnet18`.

    Reference: He et al. 2015, https://arxiv.org/abs/1512.03385, table 1.
    """
    parts = Parts(config, tuple(RESNET_LENGTHS), **form)
    inputs = parts.images()
    if config.model == "resnet18":
        x = _wide_stem(parts, inputs)
    else:
        x = parts.bn_activation(parts.stem_conv(64)(inputs), "stem")

    def block(place: Place) -> keras.layers.Layer:
        return ResidualBlock(
            place.filters,
            place.strides,
            shortcut=place.projected("B"),
            stride_padding="both",
            **residual_options(parts, place),
        )

    lengths = RESNET_LENGTHS[config.model]
    stages = {"stem": x} | residual_stages(x, lengths, RESNET_FILTERS, block)
    x = stages["stage4"]
    return parts.classifier(inputs, x, stages if features else None, config.model)


def build_imagenet_densenet(
    config: ModelConfig, *, features: bool = False, **form
) -> keras.Model:
    """Returns DenseNet-121.

    `densenet121` is torchvision's network: a 7x7 convolution with stride 2 and max
    pooling, then dense blocks of 6, 12, 24 and 16 layers with growth rate 32. The
    `_cifar` form comes from https://github.com/kuangliu/pytorch-cifar: it has a bare
    3x3 convolution as its stem and puts the new channels first. Trainable parameters
    for 10 classes: `densenet121` 6,964,106; `densenet121_cifar` 6,956,298.

    Arguments and results are the same as for `build_densenet`, with a fourth stage.
    The images are (N, 224, 224, 3) for `densenet121`.

    Reference: Huang et al. 2016, https://arxiv.org/abs/1608.06993, table 1.
    """
    parts = Parts(config, ("densenet121", "densenet121_cifar"), **form)
    cifar = config.model == "densenet121_cifar"
    inputs = parts.images()
    x = parts.stem_conv(64)(inputs) if cifar else _wide_stem(parts, inputs)
    stages = {"stem": x} | dense_stages(
        parts,
        x,
        DENSENET_LENGTHS,
        0.5,
        growth_rate=32,
        bottleneck=True,
        new_first=cifar,
    )
    x = parts.bn_activation(stages["stage4"], "final")
    return parts.classifier(inputs, x, stages if features else None, config.model)


def _wide_stem(parts: Parts, images: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the output of the stem for 224x224 pixels: a 56x56 map, 64 channels."""
    x = parts.stem_conv(64, 7, strides=2, stride_padding="both")(images)
    x = parts.bn_activation(x, "stem")
    return MaxPool(name="stem_pool", dtype=parts.options["dtype"])(x)
