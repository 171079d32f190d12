"""The four networks of the UvA Deep Learning tutorial 5, block for block.

Source: https://uvadlc-notebooks.readthedocs.io, "Inception, ResNet and DenseNet"
(PyTorch). Biases, orders of concatenation, padding and initial values are the
tutorial's: convolutions start as in He et al. with the gain of the activation, biases
and dense heads with PyTorch's defaults.
"""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.layers import (
    ConvUnit,
    InceptionBlock,
    MaxPool,
    PreActResidualBlock,
    ResidualBlock,
    fan_in_uniform,
)
from resnet_tf.models.parts import Parts
from resnet_tf.models.stages import (
    Place,
    dense_stages,
    residual_options,
    residual_stages,
)

# GoogLeNet's blocks by stage: the output channels of the branches 1x1, 3x3, 5x5 and
# pooling, and the channels before the 3x3 and the 5x5 convolution.
INCEPTION_STAGES = (
    (((16, 32, 8, 8), (32, 16)), ((24, 48, 12, 12), (32, 16))),
    (
        ((24, 48, 12, 12), (32, 16)),
        ((16, 48, 16, 16), (32, 16)),
        ((16, 48, 16, 16), (32, 16)),
        ((32, 48, 24, 24), (32, 16)),
    ),
    (((32, 64, 16, 16), (48, 16)), ((32, 64, 16, 16), (48, 16))),
)


class _UvaParts(Parts):
    """Parts with the tutorial's initializers."""

    def __init__(
        self, config: ModelConfig, families: tuple[str, ...], fan: str, **form
    ):
        super().__init__(config, families, **form)
        gain = "tanh" if config.activation == "tanh" else "he"
        self.options["kernel_initializer"] = f"{gain}_{fan}"

    def _head_start(self, channels):
        return {
            "kernel_initializer": fan_in_uniform(channels),
            "bias_initializer": fan_in_uniform(channels),
        }


def build_uva_googlenet(
    config: ModelConfig, *, features: bool = False, **form
) -> keras.Model:
    """Returns the small GoogLeNet, 260,650 parameters for 10 classes.

    The network consists of a 3x3 convolution to 64 channels and eight
    `InceptionBlock`s on maps of 32x32, 16x16 and 8x8, with max pooling between the
    stages. Arguments and results are the same as for `build_resnet`; the features are
    the outputs of the Inception stages.
    """
    parts = _UvaParts(config, ("uva_googlenet",), "fan_in", **form)
    inputs = parts.images()
    x = ConvUnit(64, 3, name="stem", **parts.options)(inputs)
    stages = {"stem": x}
    for stage, blocks in enumerate(INCEPTION_STAGES, start=1):
        if stage > 1:
            x = MaxPool(name=f"pool{stage - 1}", dtype=parts.options["dtype"])(x)
        for block, (filters, reduced) in enumerate(blocks, start=1):
            name = f"stage{stage}_block{block}"
            x = InceptionBlock(filters, reduced, name=name, **parts.options)(x)
        stages[f"stage{stage}"] = x
    return parts.classifier(inputs, x, stages if features else None, config.model)


def build_uva_resnet(
    config: ModelConfig, *, features: bool = False, **form
) -> keras.Model:
    """Returns the ResNet or its pre-activation form.

    For 10 classes they have 272,378 and 272,250 parameters. Both are ResNet-20 with a
    projection where the size changes: a 1x1 convolution with bias, or in the
    pre-activation form BN-ReLU and a 1x1 convolution without bias. The pre-activation
    form has a bare stem convolution and nothing between the last block and the
    pooling. Arguments and results are the same as for `build_resnet`.
    """
    parts = _UvaParts(config, ("uva_resnet", "uva_preact"), "fan_out", **form)
    post = config.model == "uva_resnet"
    kind = "B-bias" if post else "B-pre"
    make: type[keras.layers.Layer] = ResidualBlock if post else PreActResidualBlock
    inputs = parts.images()
    x = parts.stem_conv(16)(inputs)
    if post:
        x = parts.bn_activation(x, "stem")

    def block(place: Place) -> keras.layers.Layer:
        return make(
            place.filters,
            place.strides,
            shortcut=place.projected(kind),
            stride_padding="both",
            **residual_options(parts, place),
        )

    stages = {"stem": x} | residual_stages(x, (3, 3, 3), (16, 32, 64), block)
    x = stages["stage3"]
    return parts.classifier(inputs, x, stages if features else None, config.model)


def build_uva_densenet(
    config: ModelConfig, *, features: bool = False, **form
) -> keras.Model:
    """Returns the DenseNet, 239,146 parameters for 10 classes.

    The network consists of a 3x3 convolution to 32 channels with bias and four dense
    blocks of six layers with growth rate 16 on maps of 32x32 to 4x4. The new channels
    come first, and the transitions halve the channels. Arguments and results are the
    same as for `build_resnet`, with a fourth stage.
    """
    parts = _UvaParts(config, ("uva_densenet",), "fan_in", **form)
    inputs = parts.images()
    x = parts.stem_conv(32, use_bias=True)(inputs)
    stages = {"stem": x} | dense_stages(
        parts,
        x,
        (6, 6, 6, 6),
        0.5,
        growth_rate=16,
        bottleneck=True,
        bottleneck_width=2,
        new_first=True,
    )
    x = parts.bn_activation(stages["stage4"], "final")
    return parts.classifier(inputs, x, stages if features else None, config.model)
