"""The settings of the network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from resnet_tf.config.fields import FieldSpec, Section, field, section_fields, unknown
from resnet_tf.config.layers import Part, densenet_layers, resnet_layers
from resnet_tf.config.networks import (
    BOTTLENECK,
    DENSENET,
    FAMILIES,
    NETWORKS,
    PUBLISHED_CLASSES,
    RESNET,
    families_with,
    require_same_network,
    residual_layers,
)
from resnet_tf.config.size import NetworkSize, sized
from resnet_tf.errors import SettingError

MAX_PARAMETERS = 500_000_000


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Section):
    """The network: family, size and batch norm."""

    model: str = field(
        RESNET,
        "Network: the family resnet or densenet, shaped by the settings below, or "
        "a registered name, e.g. resnet110, densenet_bc100_k12 or uva_googlenet "
        "(python -m resnet_tf audit lists them).",
    )
    num_residual_blocks: int = field(
        5,
        "Residual blocks in each of the three stages, n: the depth is 6n+2 "
        "(3: 20, 5: 32, 9: 56, 18: 110), or 9n+2 with --bottleneck.",
        minimum=1,
        maximum=1000,
        families=families_with("num_residual_blocks"),
    )
    order: Literal["post", "pre"] = field(
        "pre",
        "Order inside a residual block: 'post' as in He et al. 2015, or 'pre' (batch "
        "norm and ReLU before each convolution) as in the TF1 original.",
        families=families_with("order"),
    )
    shortcut: Literal["A-pool", "A-subsample", "A-append", "B", "none"] = field(
        "A-pool",
        "Shortcut where the size changes: average pooling with zero channels added on "
        "both sides (A-pool, as in the TF1 original), every second pixel with zero "
        "channels on both sides (A-subsample, as in akamaster's code) or at the end "
        "(A-append, as in He et al. 2015 and the registered resnet20 to resnet1202), "
        "or a 1x1 convolution (B). 'none': no shortcut anywhere, a plain network.",
        families=families_with("shortcut"),
        was="A-pool",
    )
    stride_padding: Literal["end", "both"] = field(
        "end",
        "Zero padding of a map before a 3x3 convolution of stride 2: at the end, as "
        "TensorFlow's 'same' does on even maps, or on both sides, as in PyTorch.",
        families=families_with("stride_padding"),
        was="end",
    )
    stem: Literal["conv", "whitened"] = field(
        "conv",
        "First layers: a 3x3 convolution, or fixed 3x3 filters that whiten patches of "
        "the training images and a 1x1 convolution (Page 2019; Jordan 2024, "
        "arXiv:2404.00498). That is another network than the papers'.",
        families=families_with("stem"),
        was="conv",
    )
    depth: int = field(
        40,
        "Number of layers with weights: 3m+4, or 6m+4 with --bottleneck.",
        minimum=7,
        maximum=1000,
        families=families_with("depth"),
    )
    growth_rate: int = field(
        12,
        "Channels that each dense layer adds, k.",
        minimum=1,
        maximum=1000,
        families=families_with("growth_rate"),
    )
    bottleneck: bool = field(
        False,
        "Use a 1x1 convolution to 4k channels before each 3x3 one (DenseNet-B), or "
        "blocks of 1x1, 3x3 and 1x1 convolutions (pre-activation ResNet).",
        families=families_with("bottleneck"),
        was=False,
    )
    compression: float = field(
        1.0,
        "Share of the channels that a transition keeps, theta (DenseNet-C: 0.5).",
        above=0,
        maximum=1,
        families=families_with("compression"),
    )
    stem_filters: int | None = field(
        None,
        "Channels of the first convolution [16, or 2k with --bottleneck].",
        minimum=1,
        maximum=1000,
        families=families_with("stem_filters"),
        was=None,
    )
    memory_efficient: bool = field(
        False,
        "Recompute the concatenation, normalization and activation of dense layers in "
        "the backward pass instead of storing them: less memory, slightly slower.",
        families=families_with("memory_efficient"),
        was=False,
    )
    dropout_rate: float = field(
        0.0,
        "Share of the elements that training sets to 0 after each convolution except "
        "the first; Huang et al. 2017 use 0.2 without augmentation.",
        minimum=0,
        below=1,
        families=families_with("dropout_rate"),
        was=0.0,
    )
    zero_init_residual: bool = field(
        False,
        "Start each residual block as its shortcut: the scale of its last batch norm "
        "is 0 (Goyal et al. 2017, section 5.1), or with order=pre the kernel of its "
        "last convolution, as with --grow.",
        families=families_with("zero_init_residual"),
        was=False,
    )
    stochastic_depth: float = field(
        0.0,
        "Probability that training drops the residual branch of the last block for an "
        "image; block l of L has l / L of it (Huang et al. 2016, who drop a branch for "
        "a whole batch). Kept branches are divided by 1 - probability, so inference "
        "does not change.",
        minimum=0,
        below=1,
        families=families_with("stochastic_depth"),
        was=0.0,
    )
    activation: Literal["relu", "tanh", "leakyrelu", "gelu"] = field(
        "relu", "Activation function.", families=families_with("activation"), was="relu"
    )
    num_classes: int = field(
        10, "Number of classes; must match the data set.", minimum=2, maximum=100_000
    )
    kernel_initializer: Literal[
        "he_fan_out", "he_fan_in", "glorot_uniform", "fan_in_uniform"
    ] = field(
        "he_fan_out",
        "Initial values of the convolutions: He et al. by outputs or by inputs, "
        "Glorot's, or PyTorch's default, uniform within 1 / sqrt(fan_in).",
        families=families_with("kernel_initializer"),
    )
    head_initializer: Literal[
        "fan_in_normal", "he_fan_in", "fan_in_uniform", "unit_uniform"
    ] = field(
        "fan_in_normal",
        "Initial values of the dense head's kernel: normal with variance 1 / fan_in, "
        "He et al. by inputs, Torch's and PyTorch's default (uniform within 1 / "
        "sqrt(fan_in)), or the TF1 original's (uniform with variance 1 / fan_in).",
        families=families_with("head_initializer"),
        was="fan_in_normal",
    )
    head_bias: Literal["zeros", "fan_in_uniform"] = field(
        "zeros",
        "Initial values of the dense head's bias: zeros, or PyTorch's default, "
        "uniform within 1 / sqrt(fan_in).",
        families=families_with("head_bias"),
        was="zeros",
    )
    bn_momentum: float = field(
        0.9,
        "Share of the old value that a batch-norm moving average keeps per update.",
        minimum=0,
        maximum=1,
    )
    bn_epsilon: float = field(
        1e-5, "Added to the variance in batch norm.", above=0, maximum=1
    )
    bn_eval: Literal["moving", "batch"] = field(
        "moving",
        "Statistics of batch norm in evaluation: the moving averages, or the "
        "statistics of the evaluated batch, as in the TF1 original.",
        was="moving",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model not in FAMILIES:
            hint = f"; use named_network({self.model!r})" * (self.model in NETWORKS)
            raise SettingError(unknown("model", self.model, FAMILIES) + hint)
        for spec in section_fields(ModelConfig):
            if not spec.applies_to(self.model):
                if getattr(self, spec.name) != spec.default:
                    raise SettingError(other_family(spec, self.model))
        self._check_depth()
        self._check_bottleneck()
        self._check_branches()
        self._check_size()

    def _check_depth(self) -> None:
        step = 6 if self.bottleneck else 3
        if self.model == DENSENET and (self.depth - 4) % step:
            kind = "with" if self.bottleneck else "without"
            raise SettingError(
                f"depth must be {step}m+4 {kind} bottleneck, received {self.depth}"
            )

    def _check_bottleneck(self) -> None:
        if self.model != RESNET or not self.bottleneck:
            return
        for name, value in BOTTLENECK.items():
            if getattr(self, name) != value:
                raise SettingError(
                    f"{name} must be {value} with bottleneck, received "
                    f"{getattr(self, name)}"
                )

    def _check_branches(self) -> None:
        if self.model != RESNET or self.shortcut != "none":
            return
        for name in ("zero_init_residual", "stochastic_depth"):
            if value := getattr(self, name):
                raise SettingError(
                    f"{name} needs a shortcut, received {name}={value} with "
                    "shortcut=none"
                )

    def _check_size(self) -> None:
        parameters = network_size(self).parameters
        if parameters > MAX_PARAMETERS:
            raise SettingError(
                f"the network must have at most {MAX_PARAMETERS:,} parameters, "
                f"received {parameters:,}"
            )

    @property
    def layers_deep(self) -> int:
        """Number of trained convolutions on the longest path, plus the dense head.

        This is 0 in families other than resnet and densenet.
        """
        if self.model == RESNET:
            return residual_layers(self.num_residual_blocks, self.bottleneck)
        return self.depth if self.model == DENSENET else 0

    @property
    def draws(self) -> bool:
        """Whether the network draws random numbers in training."""
        return bool(self.dropout_rate or self.stochastic_depth)

    @property
    def title(self) -> str:
        """The name of the network in print, e.g. "DenseNet-BC-100 (k = 12)".

        Families other than resnet and densenet use the name of the model.
        """
        if self.model == RESNET:
            whitened = "-whitened" * (self.stem == "whitened")
            return f"ResNet-{self.layers_deep}{whitened}"
        if self.model != DENSENET:
            return self.model
        kind = "B" * self.bottleneck + "C" * (self.compression < 1)
        return (
            f"DenseNet-{f'{kind}-' * bool(kind)}{self.depth} (k = {self.growth_rate})"
        )

    @property
    def input_side(self) -> int:
        """Height and width of the images."""
        return FAMILIES[self.model].side


def named_network(name: str, **values) -> ModelConfig:
    """Returns the config of a registered network.

    Args:
        name: A name in `NETWORKS`.
        **values: Other settings of `ModelConfig`, e.g. `num_classes`.

    Raises:
        SettingError: If a name is unknown, or a value is wrong or belongs to a
            different network.
    """
    if name not in NETWORKS:
        raise SettingError(unknown("network", name, NETWORKS))
    known = [spec.name for spec in section_fields(ModelConfig) if spec.name != "model"]
    for key in values:
        if key not in known:
            raise SettingError(unknown("setting", key, known))
    config = ModelConfig(**{**NETWORKS[name].values, **values})
    require_same_network(name, vars(config))
    return config


def shaped_layers(config: ModelConfig) -> Part | None:
    """Returns the layers of a network with settings of size, None for another."""
    if config.model == RESNET:
        kind = config.bottleneck, config.order, config.shortcut, config.stem
        return resnet_layers(config.num_residual_blocks, *kind)
    if config.model == DENSENET:
        size = config.depth, config.growth_rate, config.stem_filters
        return densenet_layers(*size, config.bottleneck, config.compression)
    return None


def network_size(config: ModelConfig) -> NetworkSize:
    """Returns the exact size of a network.

    Raises:
        SettingError: If a transition of a densely connected network keeps no channel.
    """
    if layers := shaped_layers(config):
        body, features = sized(layers)
    else:
        row = FAMILIES[config.model]
        features = row.features
        head = (features + 1) * PUBLISHED_CLASSES
        body = NetworkSize(row.published.parameters - head, row.statistics)
    head = (features + 1) * config.num_classes
    return dataclasses.replace(body, parameters=body.parameters + head)


def other_family(spec: FieldSpec, model: str) -> str:
    """Returns the message for a setting that `model` does not have."""
    families = ", ".join(spec.families)
    return f"{spec.name} belongs to model={families}, received model={model}"
