"""The residual networks for CIFAR: 6n+2 layers, or 9n+2 with bottlenecks."""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.config.layers import STAGE_FILTERS
from resnet_tf.layers import PreActBottleneckBlock, PreActResidualBlock, ResidualBlock
from resnet_tf.models.parts import Parts
from resnet_tf.models.stages import Place, residual_options, residual_stages


def build_resnet(
    config: ModelConfig | None = None,
    *,
    features: bool = False,
    **form,
) -> keras.Model:
    """Returns ResNet-(6n+2), or pre-activation ResNet-(9n+2), for 32x32 pixels.

    The network consists of a 3x3 convolution to 16 channels, three stages of n blocks
    with 16, 32 and 64 channels (four times as many with `bottleneck`) on maps of
    32x32, 16x16 and 8x8, global average pooling and a dense head. Trainable
    parameters for 10 classes: 97,216 n - 21,926, and 2,752 more with shortcut "B";
    with `bottleneck` 1,703,258 (n = 18) and 10,327,706 (n = 111). A whitened stem adds
    432, and 1,458 fixed weights; the name is then e.g. "resnet20_whitened".

    Args:
        config: Config of the network; `ModelConfig()` if None.
        features: Whether to return a dict of the outputs of "stem", "stage1",
            "stage2", "stage3" and "logits" instead of the logits.
        **form: `dtype`, `input_shape` and `name`, see `build_model`.

    Returns:
        A functional model from (N, 32, 32, 3), or `input_shape`, to logits
        (N, num_classes).

    Raises:
        SettingError: If `input_shape` or `name` is wrong.
        ValueError: If `config.model` is not "resnet".

    Reference: He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2;
    order "pre" and `bottleneck`: He et al. 2016,
    https://arxiv.org/abs/1603.05027.
    """
    config = config or ModelConfig()
    parts = Parts(config, ("resnet",), **form)
    inputs = parts.images()
    if config.stem == "whitened":
        x = parts.stem_conv(STAGE_FILTERS[0], 1)(parts.whitened(inputs))
    else:
        x = parts.stem_conv(STAGE_FILTERS[0])(inputs)
    # A bottleneck block starts with its own batch norm.
    if not config.bottleneck:
        x = parts.bn_activation(x, "stem")
    stages = {"stem": x} | residual_stages(
        x,
        [config.num_residual_blocks] * len(STAGE_FILTERS),
        STAGE_FILTERS,
        lambda place: _block(config, place, **residual_options(parts, place)),
    )
    x = stages["stage3"]
    if config.order == "pre":
        x = parts.bn_activation(x, "final")
    name = f"{'preact' if config.bottleneck else 'resnet'}{config.layers_deep}"
    name += "_whitened" * (config.stem == "whitened")
    return parts.classifier(inputs, x, stages if features else None, name)


def _block(config: ModelConfig, place: Place, **options) -> keras.layers.Layer:
    filters, strides = place.filters, place.strides
    if config.bottleneck:
        return PreActBottleneckBlock(
            4 * filters, strides, project=place.block == 1, **options
        )
    projects = config.shortcut == "B"
    options["shortcut"] = place.projected("B") if projects else config.shortcut
    options["stride_padding"] = config.stride_padding
    if config.order == "post":
        return ResidualBlock(filters, strides, **options)
    follows_stem = place.stage == place.block == 1
    return PreActResidualBlock(
        filters, strides, preactivate=not follows_stem, **options
    )
