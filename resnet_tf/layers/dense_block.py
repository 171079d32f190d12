"""A dense block whose layers the native kernels compute together, at its end."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from resnet_tf import native


class DeferredBlock:
    """Collects the layers of a dense block to compute them as one operation.

    Keras passes only tensors from layer to layer. So a `DenseLayer` returns
    `stand_ins`, whose values nothing reads, until `DenseJoin` or a layer of another
    kind needs the values.

    Args:
        x: Input of the block, float32 (N, H, W, C).
        layers: `DenseLayer`s of the block so far, in training.
        shapes: Shapes of the maps that the last layer returns. Joined in this order,
            the maps are the output of the block.
    """

    _ATTRIBUTE = "_resnet_tf_block"

    def __init__(self, x: tf.Tensor, layers: Sequence, shapes: Sequence[tuple]):
        self._x = x
        self._layers = list(layers)
        self._shapes = list(shapes)

    @classmethod
    def behind(cls, tensor: tf.Tensor) -> "DeferredBlock | None":
        """Returns the block that a tensor stands for, if it is a stand-in."""
        return getattr(tensor, cls._ATTRIBUTE, None)

    def stand_ins(self) -> list[tf.Tensor]:
        """Returns a tensor for each map that the last layer returns."""
        tensor = tf.identity(self._x)
        setattr(tensor, self._ATTRIBUTE, self)
        return [tensor] * len(self._shapes)

    def followed_by(self, layer) -> "DeferredBlock | None":
        """Returns the block with one more layer, or None if the kind differs."""
        if self._layers and layer.kind != self._layers[0].kind:
            return None
        shapes = layer.compute_output_shape(self._shapes)
        return DeferredBlock(self._x, [*self._layers, layer], shapes)

    def maps(self) -> list[tf.Tensor]:
        """Computes the block and returns the maps of its last layer."""
        return tf.split(self.joined(), [shape[-1] for shape in self._shapes], axis=-1)

    def joined(self) -> tf.Tensor:
        """Computes the block and updates the moving averages of its batch norms."""
        kind = self._layers[0].kind
        y, moments, inner = native.dense_block(
            self._x,
            [[_unit(bn, conv) for bn, conv in layer.units()] for layer in self._layers],
            epsilon=kind.epsilon,
            new_first=kind.new_first,
        )
        pixels = tf.cast(tf.size(y[..., 0]), tf.float32)
        unbiased = pixels / tf.maximum(pixels - 1, 1)
        total = y.shape[-1]
        for i, layer in enumerate(self._layers):
            (bn, _), *others = layer.units()
            channels = bn.gamma.shape[0]
            first = total - channels if kind.new_first else 0
            own = native.Moments(
                *(tf.slice(vector, [first], [channels]) for vector in moments)
            )
            _move(bn, own, unbiased)
            for bn, _ in others:
                _move(bn, inner[i], unbiased)
        return y


def _unit(bn, conv) -> native.Unit:
    return native.Unit(*map(tf.convert_to_tensor, (bn.gamma, bn.beta, conv.kernel)))


def _move(bn, moments: native.Moments, unbiased: tf.Tensor) -> None:
    *_, mean, variance = bn.vectors()
    kept, new = bn.momentum, 1 - bn.momentum
    bn.move_averages(
        kept * mean + new * moments.mean,
        kept * variance + new * (moments.variance * unbiased),
    )


@keras.saving.register_keras_serializable(package="resnet_tf")
class DenseJoin(keras.layers.Concatenate):
    """Concatenates the maps of a dense block along the channels.

    If the native kernels compute the block, they write the maps side by side, and
    nothing is copied; see `joined` of `DenseLayer`. It accepts the arguments of
    `keras.layers.Concatenate`.

    Call arguments:
        inputs: Float tensors of shape (N, H, W, any C).

    Returns:
        Tensor of shape (N, H, W, sum of C), dtype of `inputs`.
    """

    def call(self, inputs):
        block = DeferredBlock.behind(inputs[0])
        return block.joined() if block else super().call(inputs)
