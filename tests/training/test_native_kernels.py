"""Training with the package's own kernels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.config import ModelConfig, TrainConfig
from resnet_tf.errors import SettingError
from resnet_tf.models import build_model
from resnet_tf.native import choice
from resnet_tf.training.trainer import Trainer
from tests.training.test_trainer import arrays, trained

needs_kernels = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


def _operations(trainer) -> set[str]:
    """Returns the types of all operations that the compiled loop calls."""
    graph = trainer.run._list_all_concrete_functions()[0].graph
    functions = graph.as_graph_def().library.function
    nodes = [node for function in functions for node in function.node_def]
    return {node.op for node in [*graph.as_graph_def().node, *nodes]}


def _distance(trainer, weights) -> float:
    """Returns the distance of a trainer's weights from others, all as one vector."""
    pairs = zip(arrays(trainer), weights, strict=True)
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs)))


@needs_kernels
@pytest.mark.parametrize("order", ["post", "pre"])
def test_two_updates_agree_with_tensorflow(tiny, order):
    plain = trained(tiny(order=order, kernels="tensorflow"))
    own = trained(tiny(order=order, kernels="native"))
    ours = {"ResnetTfUnit", "ResnetTfUnitGradient", "ResnetTfBatchNorm"}
    assert ours <= _operations(own)
    assert not any("ResnetTf" in name for name in _operations(plain))
    start = arrays(Trainer(tiny(order=order), tf.distribute.get_strategy()))
    # If rounding moves a value near 0 to the other side of a ReLU, a gradient changes
    # by a few thousandths. Changing the images by 1e-6 does the same without these
    # kernels.
    assert _distance(own, arrays(plain)) < 0.02 * _distance(own, start)
    np.testing.assert_allclose(own.metrics.result(), plain.metrics.result(), rtol=1e-3)


@needs_kernels
@pytest.mark.parametrize(
    "settings",
    [
        {"model": "uva_googlenet"},
        {"model": "uva_densenet"},
        {"bottleneck": True, "order": "pre", "shortcut": "B", "num_residual_blocks": 1},
        {"model": "densenet", "depth": 10, "growth_rate": 12, "compression": 0.5},
    ],
    ids=["googlenet", "uva_densenet", "bottleneck", "densenet"],
)
def test_gradients_of_every_family_agree_with_tensorflow(settings):
    model = build_model(ModelConfig(**settings))
    images = tf.random.stateless_normal((8, 32, 32, 3), [0, 0])
    weights = [weight.value for weight in model.trainable_weights]

    def gradients(own: bool):
        with native.computing(own), tf.GradientTape() as tape:
            loss = tf.reduce_sum(
                tf.math.log_softmax(model(images, training=True))[:, 0]
            )
        return loss, tape.gradient(loss, weights)

    loss, received = gradients(True)
    expected_loss, expected = gradients(False)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-4)
    norm = tf.linalg.global_norm(expected)
    difference = [a - b for a, b in zip(received, expected, strict=True)]
    assert tf.linalg.global_norm(difference) < 0.02 * norm


@pytest.fixture(scope="module")
def own(tiny):
    """A trainer after two updates with the native kernels."""
    return trained(tiny(kernels="native"))


@needs_kernels
def test_two_runs_have_the_same_bits(tiny, own):
    other = trained(tiny(kernels="native"))
    for a, b in zip(arrays(own), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)


@needs_kernels
def test_saved_models_hold_only_tensorflow_operations(own):
    model = own.model
    call = tf.function(lambda x: model(x, training=True), autograph=False)
    graph = call.get_concrete_function(
        tf.TensorSpec((4, *model.input_shape[1:]), tf.float32)
    ).graph
    assert not any("ResnetTf" in op.type for op in graph.get_operations())


@pytest.mark.parametrize(
    "settings, rule",
    [
        ({"mixed_precision": "bfloat16"}, "needs mixed_precision=float32"),
        ({"jit_compile": True}, "needs jit_compile=False"),
    ],
)
def test_settings_without_native_kernels_are_refused(settings, rule):
    with pytest.raises(SettingError, match=rule):
        TrainConfig(kernels="native", **settings)


def test_without_the_kernels_a_line_says_why(tiny, monkeypatch):
    config = tiny()
    config = dataclasses.replace(
        config, train=dataclasses.replace(config.train, kernels="native")
    )
    monkeypatch.setattr(choice, "reason", lambda: "they were not compiled")
    with pytest.raises(SettingError, match="not possible here: they were not compiled"):
        Trainer(config, tf.distribute.get_strategy())
