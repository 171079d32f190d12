"""The Keras model that every network of this package is, however deep."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="resnet_tf")
class Network(keras.Model):
    """A functional Keras model that may be deeper than Python's stack.

    Keras 3 finds the operations of a functional model by recursion from each
    output back to the inputs, so that a chain of about 900 operations overruns
    Python's recursion limit. It stops at operations that an earlier output has
    already led to. This class therefore names every tensor on the way as an
    output, inputs first, and then keeps only the outputs that it was given.

    Saving, loading, cloning and `get_layer` work as in any functional model.

    Args:
        inputs: Input tensors, in any structure; see `keras.Model`.
        outputs: Output tensors, in any structure.
        name: Name of the model.
        **kwargs: See `keras.Model`.

    Raises:
        ValueError: If the outputs do not depend on the inputs alone.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        on_the_way = _in_order(inputs, outputs)
        super().__init__(inputs, [*on_the_way, outputs], name=name, **kwargs)
        structure = self._outputs_struct[-1]
        given = keras.tree.flatten(structure)
        # Past the tracking of Keras and TensorFlow, which would wrap the values.
        vars(self).update(
            _outputs_struct=structure,
            _outputs=given,
            output_names=self.output_names[-len(given) :],
        )

    def call(self, inputs, training=None, mask=None):
        if not tf.is_tensor(training):
            return super().call(inputs, training=training, mask=mask)
        return tf.cond(
            training,
            lambda: super(Network, self).call(inputs, training=True, mask=mask),
            lambda: super(Network, self).call(inputs, training=False, mask=mask),
        )


def _in_order(inputs, outputs) -> list[keras.KerasTensor]:
    """Returns the tensors between inputs and outputs, each after its sources."""
    starts = {id(tensor) for tensor in keras.tree.flatten(inputs)}
    waiting = keras.tree.flatten(outputs)[::-1]
    found = {}
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in starts or id(tensor) in found:
            continue
        missing = [
            source
            for source in _sources(tensor)
            if id(source) not in starts and id(source) not in found
        ]
        if missing:
            waiting += [tensor, *reversed(missing)]
        else:
            found[id(tensor)] = tensor
    return list(found.values())


def _sources(tensor: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Returns the tensors that an operation made this one from."""
    operation, node, _ = tensor._keras_history
    return operation._inbound_nodes[node].input_tensors if operation else []
