"""A batch computed in lanes gives the same outputs as the whole batch."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_resnet, native, optimize_for_inference
from resnet_tf.models.lanes import side_by_side
from tests.models.test_inference import assert_close, trained


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(7, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def small():
    return build_resnet(ModelConfig(num_residual_blocks=1))


@pytest.fixture(scope="module")
def in_lanes(small):
    """Returns a function from a number of lanes to a function of images."""
    signature = [tf.TensorSpec((None, 32, 32, 3))]

    @functools.cache
    def make(lanes):
        run = side_by_side(small, lanes)
        return tf.function(run, input_signature=signature, autograph=False)

    return make


@pytest.mark.parametrize("size", [7, 2, 1])
@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_any_batch_in_any_number_of_lanes(size, lanes, small, in_lanes, images):
    expected = small(images[:size], training=False)
    found = in_lanes(lanes)(images[:size])
    assert found.shape == (size, 10)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_lane_is_computed_separately(images):
    calls = []

    def model(part, training):
        assert training is False
        calls.append(int(tf.shape(part)[0]))
        return part

    model._flatten_layers = list
    np.testing.assert_array_equal(side_by_side(model, 3)(images), images)
    assert calls == [3, 2, 2]


def test_a_dict_of_outputs(images):
    model = build_resnet(ModelConfig(num_residual_blocks=1), features=True)
    expected = model(images, training=False)
    found = side_by_side(model, 2)(images)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)


def test_batch_statistics_see_the_whole_batch(images):
    model = build_resnet(ModelConfig(num_residual_blocks=1, bn_eval="batch"))
    expected = model(images, training=False)
    np.testing.assert_array_equal(side_by_side(model, 2)(images), expected)


NETWORKS = {
    "resnet": ModelConfig(num_residual_blocks=2, order="post"),
    "googlenet": "uva_googlenet",
    "densenet": ModelConfig(model="densenet", depth=16, bottleneck=True),
}


@pytest.fixture(scope="module")
def rewritten(images):
    """Returns a function from a name to a network for inference and its logits."""

    @functools.cache
    def make(name):
        model = trained(NETWORKS[name])
        return optimize_for_inference(model), model(images).numpy()

    return make


@pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_native_kernels_keep_the_logits(name, lanes, rewritten, images):
    model, original = rewritten(name)
    form = [tf.TensorSpec((None, 32, 32, 3))]
    plain, own = (
        tf.function(
            side_by_side(model, lanes, native_kernels),
            input_signature=form,
            autograph=False,
        )
        for native_kernels in (False, True)
    )
    assert not any("ResnetTf" in type_ for type_ in _operations(plain))
    assert {"ResnetTfConv", "ResnetTfDirectConv"} <= set(_operations(own))
    expected = plain(images).numpy()
    assert_close(expected, original)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(own(images), expected, rtol=0, atol=1e-5 * scale)


def _operations(function) -> list[str]:
    graph = function.get_concrete_function().graph
    return [operation.type for operation in graph.get_operations()]
