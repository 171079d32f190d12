"""The dense layer and the transition of densely connected networks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from resnet_tf import native
from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.block import Block
from resnet_tf.layers.convolution import Conv2D
from resnet_tf.layers.dense_block import DeferredBlock
from resnet_tf.layers.dropout import dropout
from resnet_tf.layers.moving import move, moved_at_once
from resnet_tf.layers.vectors import filled, missing


@keras.saving.register_keras_serializable(package="resnet_tf")
class DenseLayer(Block):
    """Computes k channels by BN-ReLU-conv3x3 and appends them to the input.

    Huang et al. 2016, section 3. With `bottleneck` (DenseNet-B), BN-ReLU-conv1x1
    comes first. Unrelated to `keras.layers.Dense`.

    Args:
        growth_rate: Channels that the layer adds, k.
        bottleneck: Whether a 1x1 convolution precedes the 3x3 convolution.
        bottleneck_width: Channels between the two convolutions, as a multiple of k.
        new_first: Whether the new channels come before the input channels.
        memory_efficient: Whether the gradient recomputes the first concatenation,
            batch norm and activation instead of keeping them; see `recomputed`. It
            saves memory only for a list of inputs in a `tf.function`.
        dropout_rate: Share of the elements that training sets to 0 after each
            convolution; see `dropout`.
        joined: Whether the last layer of the block passes its list to a `DenseJoin`.
            The native kernels can then compute all layers there, as one operation.
            Until then the list holds a `DeferredBlock`.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C), or a list of tensors that stands
            for their concatenation.
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H, W, C + growth_rate), dtype of `inputs`: the input, then
        the new channels, or with `new_first` the reverse. For a list, a list that
        stands for this tensor: the new channels are one more tensor, and the others
        are joined if that needs no further copy.

    Reference: https://arxiv.org/abs/1608.06993
    """

    def __init__(
        self,
        growth_rate: int,
        bottleneck: bool = False,
        bottleneck_width: int = 4,
        new_first: bool = False,
        memory_efficient: bool = False,
        dropout_rate: float = 0.0,
        joined: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.growth_rate = growth_rate
        self.bottleneck = bottleneck
        self.bottleneck_width = bottleneck_width
        self.new_first = new_first
        self.memory_efficient = memory_efficient
        self.dropout_rate = dropout_rate
        self.joined = joined
        self.bn1 = self._batch_norm("bn1")
        if bottleneck:
            self.conv1 = self._conv(bottleneck_width * growth_rate, 1, "conv1")
            self.bn2 = self._batch_norm("bn2")
            self.conv2 = self._conv(growth_rate, 3, "conv2")
        else:
            self.conv1 = self._conv(growth_rate, 3, "conv1")

    def build(self, input_shape):
        shape = _joined_shape(input_shape)
        self.bn1.build(shape)
        self.conv1.build(shape)
        if self.bottleneck:
            wide = self.conv1.compute_output_shape(shape)
            self.bn2.build(wide)
            self.conv2.build(wide)

    def call(self, inputs, training=None):
        listed = isinstance(inputs, (list, tuple))
        parts = list(inputs) if listed else [inputs]
        if listed and (block := self._deferred(parts, training)):
            return block.stand_ins()
        if block := DeferredBlock.behind(parts[0]):
            parts = block.maps()
        if self.memory_efficient and training:
            # With the identity, the gradients of a part are summed layer by layer.
            # Otherwise the gradients of all layers would be in memory at once.
            parts = [tf.identity(part) for part in parts]
            x = self._recomputed_unit(parts, training)
        else:
            x = _joined_for_kernels(parts, training)
            if self._is_kept([tuple(part.shape) for part in parts]):
                parts = [x]
            x = self._unit(self.bn1, self.conv1, x, training)
        # Dropout stays outside the recomputation, so it draws one mask.
        x = _dropped(self, x, "conv1", training)
        if self.bottleneck:
            x = self._unit(self.bn2, self.conv2, x, training)
            x = _dropped(self, x, "conv2", training)
        parts = [x, *parts] if self.new_first else [*parts, x]
        return parts if listed else _joined(parts)

    @property
    def kind(self) -> "Kind":
        """Properties that layers must share to be computed as one block."""
        return Kind(self.bottleneck, self.growth_rate, self.new_first, self.bn_epsilon)

    def units(self) -> list[tuple[BatchNorm, Conv2D]]:
        """Returns each batch norm with the convolution that follows it, in order."""
        units = [(self.bn1, self.conv1)]
        return [*units, (self.bn2, self.conv2)] if self.bottleneck else units

    def _deferred(self, parts, training) -> DeferredBlock | None:
        """Returns the block up to this layer, if native kernels will compute it."""
        block = DeferredBlock.behind(parts[0])
        if not block and (len(parts) > 1 or not native.normalizes(parts[0])):
            return None
        usual = self.joined and self.activation == "relu" and not self.dropout_rate
        if not usual or not training or not all(bn.moves for bn, _ in self.units()):
            return None
        block = block or DeferredBlock(parts[0], [], [tuple(parts[0].shape)])
        return block.followed_by(self)

    def _is_kept(self, shapes) -> bool:
        """Returns whether later layers get the joined tensor instead of its parts."""
        return not (self.memory_efficient or missing(_joined_shape(shapes)[-1]))

    def _unit(self, bn, conv, x, training):
        return conv(self._bn_activation(bn, x, training), training=training)

    def _recomputed_unit(self, parts, training):
        """Returns the first unit's output and updates the moving averages once."""
        bn, conv = self.bn1, self.conv1
        variables = [*bn.variables, *conv.variables]
        moving = [bn.moving_mean, bn.moving_variance]

        def unit(*tensors):
            weights = tensors[len(parts) :]
            state = list(zip(variables, weights, strict=True))
            with moved_at_once(), keras.StatelessScope(state) as scope:
                x = _joined_for_kernels(tensors[: len(parts)], training)
                y = self._unit(bn, conv, x, training)
                return y, *map(scope.get_current_value, moving)

        newest = 0 if self.new_first else len(parts) - 1
        weights = [tf.convert_to_tensor(variable) for variable in variables]
        y, *moved = recomputed(unit, newest)(*parts, *weights)
        if training and bn.trainable:
            for variable, value in zip(moving, moved, strict=True):
                move(variable, value)
        return y

    def compute_output_shape(self, input_shape):
        *sides, channels = _joined_shape(input_shape)
        if not _is_listed(input_shape):
            return (*sides, channels + self.growth_rate)
        new, old = (*sides, self.growth_rate), [tuple(part) for part in input_shape]
        if self._is_kept(input_shape):
            old = [(*sides, channels)]
        return [new, *old] if self.new_first else [*old, new]

    def get_config(self):
        return {
            **super().get_config(),
            "growth_rate": self.growth_rate,
            "bottleneck": self.bottleneck,
            "bottleneck_width": self.bottleneck_width,
            "new_first": self.new_first,
            "memory_efficient": self.memory_efficient,
            "dropout_rate": self.dropout_rate,
            "joined": self.joined,
        }


class Kind(NamedTuple):
    """Properties that all layers of one dense block share.

    Attributes:
        bottleneck: See `DenseLayer`.
        growth_rate: See `DenseLayer`.
        new_first: See `DenseLayer`.
        epsilon: Number that batch norm adds to the variance, above 0.
    """

    bottleneck: bool
    growth_rate: int
    new_first: bool
    epsilon: float


@keras.saving.register_keras_serializable(package="resnet_tf")
class Transition(Block):
    """BN-ReLU-conv1x1 and 2x2 average pooling between two dense blocks.

    Huang et al. 2016, section 3. DenseNet-C keeps floor(theta * C) channels; see
    `compressed`.

    Args:
        filters: Output channels.
        dropout_rate: See `DenseLayer`; dropout precedes the pooling.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C), H and W even.
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / 2, W / 2, filters), dtype of `inputs`.

    Reference: https://arxiv.org/abs/1608.06993
    """

    def __init__(self, filters: int, dropout_rate: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.dropout_rate = dropout_rate
        self.bn = self._batch_norm("bn")
        self.conv = self._conv(filters, 1, "conv")
        self.pool = keras.layers.AveragePooling2D(
            2, name="pool", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.bn.build(input_shape)
        self.conv.build(input_shape)

    def call(self, inputs, training=None):
        x = _joined_for_kernels([inputs], training)
        x = self._bn_activation(self.bn, x, training)
        x = _dropped(self, self.conv(x, training=training), "conv", training)
        return self.pool(x)

    def compute_output_shape(self, input_shape):
        inner = self.conv.compute_output_shape(input_shape)
        return self.pool.compute_output_shape(inner)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "dropout_rate": self.dropout_rate,
        }


def _dropped(layer: DenseLayer | Transition, x: tf.Tensor, name: str, training):
    """Returns the output of convolution `name`, after dropout in training."""
    if not (training and layer.dropout_rate):
        return x
    return dropout(x, layer.dropout_rate, f"{layer.name}/{name}")


def recomputed(function: Callable, delayed: int) -> Callable:
    """Returns `function` with a gradient that keeps only the arguments in memory.

    The gradient recomputes the values between the arguments and the first result. In
    a `tf.function`, also under XLA, operations whose output no gradient needs, e.g. a
    last convolution, are not recomputed.

    Args:
        function: Function from tensors to a tuple of tensors, without side effects.
            Only the first result has a gradient.
        delayed: Index of an argument to copy, so that operations that depend on it
            wait for the gradient. All large values must depend on it; otherwise a
            compiler merges the two computations and keeps their values.

    Reference: Pleiss et al. 2017, https://arxiv.org/abs/1707.06990
    """

    @tf.custom_gradient
    def run(*tensors):
        def gradients(upstream, *_):
            again = list(tensors)
            again[delayed] = _after(upstream, again[delayed])
            with tf.GradientTape() as tape:
                tape.watch(again)
                result, *_ = function(*again)
            return tape.gradient(result, again, upstream)

        return function(*tensors), gradients

    return run


def _after(event: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Returns a copy of x that is computed only after `event`."""
    number = tf.reshape(event, [-1])[0]
    return x + tf.cast(tf.minimum(tf.abs(number), 0), x.dtype)


def _joined_for_kernels(parts, training) -> tf.Tensor:
    """Concatenates the parts, padded to full vectors for TensorFlow's kernels."""
    if not training or native.normalizes(parts[0]):
        return _joined(parts)
    return filled(parts)


def _joined(parts) -> tf.Tensor:
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)


def _is_listed(shape) -> bool:
    return isinstance(shape[0], (list, tuple))


def _joined_shape(shape) -> tuple[Any, ...]:
    """Returns the shape of a tensor, or of the concatenation of a list."""
    if not _is_listed(shape):
        return tuple(shape)
    return (*shape[0][:-1], sum(part[-1] for part in shape))
