"""The pre-activation bottleneck block of the very deep CIFAR networks."""

import keras

from resnet_tf.layers.branch import Residual


@keras.saving.register_keras_serializable(package="resnet_tf")
class PreActBottleneckBlock(Residual):
    """BN-ReLU-conv three times, 1x1, 3x3 and 1x1, plus the shortcut.

    He et al. 2016, section 3, as in the authors' code
    (https://github.com/KaimingHe/resnet-1k-layers). The inner convolutions have a
    quarter of the output channels, and the first convolution has the stride. The
    shortcut is the raw input. In a block that changes the shape, it is a 1x1
    convolution of the first BN-ReLU's output, so both branches start there.

    Args:
        filters: Output channels, a multiple of 4.
        strides: 1, or 2 to halve height and width.
        project: Whether the shortcut is a 1x1 convolution.
        **kwargs: See `Residual`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, ceil(H / strides), ceil(W / strides), filters), dtype
        of `inputs`.

    Raises:
        ValueError: If `filters` is not a multiple of 4, or the block changes the
            shape without `project`.

    Reference: https://arxiv.org/abs/1603.05027
    """

    def __init__(self, filters: int, strides: int = 1, project: bool = False, **kwargs):
        super().__init__(**kwargs)
        if filters % 4:
            raise ValueError(f"filters must be a multiple of 4, received {filters}")
        self.filters = filters
        self.strides = strides
        self.project = project
        self.bn1 = self._batch_norm("bn1")
        self.conv1 = self._conv(filters // 4, 1, "conv1", strides)
        self.bn2 = self._batch_norm("bn2")
        self.conv2 = self._conv(filters // 4, 3, "conv2")
        self.bn3 = self._batch_norm("bn3")
        self.conv3 = self._last_of_branch(self._conv(filters, 1, "conv3"), "kernel")
        self.shortcut = self._conv(filters, 1, "shortcut", strides) if project else None

    def build(self, input_shape):
        if not self.project and (self.strides, self.filters) != (1, input_shape[-1]):
            raise ValueError(
                f"project must be True to bring {input_shape[-1]} channels to "
                f"{self.filters} with strides {self.strides}, received False"
            )
        inner = self.conv1.compute_output_shape(input_shape)
        self.bn1.build(input_shape)
        self.conv1.build(input_shape)
        self.bn2.build(inner)
        self.conv2.build(inner)
        self.bn3.build(inner)
        self.conv3.build(inner)
        if self.project:
            self.shortcut.build(input_shape)

    def call(self, inputs, training=None):
        start = self._bn_activation(self.bn1, inputs, training)
        x = self.conv1(start)
        x = self._bn_activation(self.bn2, x, training)
        x = self.conv2(x)
        x = self._bn_activation(self.bn3, x, training)
        x = self.conv3(x)
        shortcut = self.shortcut(start) if self.project else inputs
        return self._with_drops(x, shortcut) if self._drops(training) else x + shortcut

    def compute_output_shape(self, input_shape):
        inner = self.conv1.compute_output_shape(input_shape)
        return self.conv3.compute_output_shape(inner)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "project": self.project,
        }
