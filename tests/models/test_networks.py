"""Checks of every registered network: parameters, gradients and round trips."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import build_model, list_models
from resnet_tf.analysis.audit.facts import facts
from resnet_tf.analysis.audit.rows import compare
from resnet_tf.checkpoints.weights import load_weights_strictly
from resnet_tf.config import NETWORKS, named_network, network_size
from tests.models.counts import count

# Networks whose sizes take more than two seconds to count. A shallower network of the
# same family stays in the default run.
DEEPEST = {
    *("resnet110", "resnet1202", "preact1001", "densenet121", "densenet_bc100_k12"),
    *("densenet100_k12", "densenet100_k24", "densenet_bc250_k24", "densenet_bc190_k40"),
}
# The same for the gradients and the logits, which take longer. Here a narrower network
# counts as well.
DEEP = DEEPEST | {
    *("resnet32", "resnet44", "resnet56", "resnet34_cifar", "preact164"),
    *("densenet121_cifar", "densenet40_k12_stem24"),
    *("densenet_bc40_k48", "densenet_bc40_k60"),
}
UNITS = ("conv_1x1", "reduce_3x3", "conv_3x3", "reduce_5x5", "conv_5x5", "conv_pool")
# Biases that batch norm subtracts again, so the loss does not depend on them.
SILENT = {
    "uva_googlenet": {
        "stem/conv/bias",
        *(
            f"stage{stage}_block{block}/{unit}/conv/bias"
            for stage, blocks in ((1, 2), (2, 4), (3, 2))
            for block in range(1, blocks + 1)
            for unit in UNITS
        ),
    },
    "uva_densenet": {"stem_conv/bias"},
}


def networks(slow):
    """Parametrizes a test over the registered networks."""
    return pytest.mark.parametrize(
        "model",
        [
            pytest.param(name, marks=[pytest.mark.slow] if name in slow else [])
            for name in list_models()
        ],
        indirect=True,
        scope="module",
    )


@pytest.fixture(scope="module")
def model(request):
    """A registered network, built once for all tests of this file."""
    keras.utils.set_random_seed(0)
    return build_model(request.param)


@pytest.fixture(scope="module")
def two_images(model):
    shape = (2, *model.input_shape[1:])
    return tf.constant(np.random.default_rng(0).normal(size=shape), "float32")


@networks(slow=DEEPEST)
def test_the_network_has_the_published_size(model):
    published = NETWORKS[model.name].published
    assert count(model.trainable_weights) == published.parameters
    assert count(model.weights) == network_size(named_network(model.name)).numbers
    row = compare(model.name, facts(model), published)
    assert (row.reason, row.verdict, row.facts.other) == ("", "agrees", 0)


@networks(slow=DEEP)
def test_gradients_reach_every_weight_but_the_silent_biases(model, two_images):
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            [1, 2], model(two_images, training=True)
        )
    found = tape.gradient(losses, [variable.value for variable in variables])
    gradients = {v.path: g.numpy() for v, g in zip(variables, found, strict=True)}
    silent = SILENT.get(model.name, set())
    assert silent <= gradients.keys()
    for path, gradient in gradients.items():
        assert np.isfinite(gradient).all(), path
        if path in silent:
            kernel = gradients[path.replace("bias", "kernel")]
            assert np.abs(gradient).max() < 1e-4 * np.abs(kernel).max(), path
        else:
            assert np.any(gradient != 0), path


@pytest.fixture(scope="module")
def logits(model, two_images):
    """The network's logits for two images, computed once."""
    return model(two_images).numpy()


@networks(slow=DEEP)
def test_logits_are_finite_and_differ_between_images(logits):
    assert logits.shape == (2, 10) and logits.dtype == "float32"
    assert np.isfinite(logits).all()
    assert np.abs(logits[0] - logits[1]).max() > 1e-3


@networks(slow=DEEP)
def test_a_network_from_the_config_loads_the_weights(
    model, two_images, logits, tmp_path
):
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    keras.utils.set_random_seed(1)
    again = keras.Model.from_config(model.get_config())
    kernels = [m.get_layer("logits").kernel.numpy() for m in (model, again)]
    assert not np.array_equal(*kernels)
    load_weights_strictly(again, path)
    np.testing.assert_array_equal(again(two_images), logits)
