"""The class of all networks: a Keras model that can be very deep."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="resnet_tf")
class Network(keras.Model):
    """A functional Keras model that can be deeper than Python's stack.

    Keras 3 finds the operations of a functional model by recursion from each output
    back to the inputs. A chain of about 900 operations exceeds Python's recursion
    limit. The recursion stops at operations that it reached from an earlier output.
    So this class first declares every tensor between the inputs and the outputs as an
    output, inputs first, and then keeps only the real outputs.

    Saving, loading, cloning and `get_layer` work as in any functional model.

    Args:
        inputs: Input tensors, in any structure; see `keras.Model`.
        outputs: Output tensors, in any structure.
        name: Name of the model.
        **kwargs: See `keras.Model`.

    Raises:
        ValueError: If the outputs depend on other tensors than the inputs.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        on_the_way = _in_order(inputs, outputs)
        super().__init__(inputs, [*on_the_way, outputs], name=name, **kwargs)
        structure = self._outputs_struct[-1]
        given = keras.tree.flatten(structure)
        # Assign without the tracking of Keras and TensorFlow, which wraps the values.
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
    """Returns the input tensors of the operation that made a tensor."""
    operation, node, _ = tensor._keras_history
    return operation._inbound_nodes[node].input_tensors if operation else []
