"""Loops of stock Keras: its own layers, SGD and `fit`.

Variants: "tape" is a `GradientTape` step in a `tf.function`. "fit" is `model.fit`.
"function" is the model in a `tf.function`. "jit" is "tape" or "function" compiled by
XLA.
"""

from typing import Any

from harness.serve import Work, serve

from resnet_tf.startup import import_tensorflow


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop for the fields of a `Loop`."""
    import_tensorflow()
    import keras
    import tensorflow as tf
    from peers.keras_networks import build

    half = spec["precision"] == "bfloat16"
    keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
    model = build(spec["model"])
    facts = {
        "amount": spec["batch"],
        "parameters": sum(weight.shape.num_elements() for weight in _weights(model)),
    }
    images = tf.random.stateless_normal((spec["batch"], 32, 32, 3), (0, 0))
    if spec["work"] == "inference":
        return _inference(spec, model, images), facts
    labels = tf.random.stateless_uniform((spec["batch"],), (0, 0), 0, 10, tf.int32)
    loop = _fit if spec["variant"] == "fit" else _tape
    return loop(spec, model, images, labels), facts


def _weights(model) -> list:
    return [weight.value for weight in model.trainable_weights]


def _parts():
    """Returns a new optimizer and a new loss."""
    import keras

    return (
        keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


def _tape(spec: dict[str, Any], model, images, labels):
    import tensorflow as tf

    optimizer, loss_function = _parts()
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True if spec["variant"] == "jit" else None)
    def step():
        with tf.GradientTape() as tape:
            loss = loss_function(labels, model(images, training=True))
        gradients = tape.gradient(loss, _weights(model))
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = step()
        loss.numpy()

    return run


def _fit(spec: dict[str, Any], model, images, labels):
    import tensorflow as tf

    optimizer, loss_function = _parts()
    model.compile(optimizer, loss_function, jit_compile=False)
    batches = tf.data.Dataset.from_tensors((images, labels)).repeat()

    def run(steps: int) -> None:
        model.fit(batches, steps_per_epoch=steps, verbose=0)

    return run


def _inference(spec: dict[str, Any], model, images):
    import tensorflow as tf

    @tf.function(jit_compile=True if spec["variant"] == "jit" else None)
    def predict(images):
        return model(images, training=False)

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = predict(images)
        logits.numpy()

    return run


if __name__ == "__main__":
    serve(make)
