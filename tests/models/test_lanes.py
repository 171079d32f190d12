"""A batch computed in lanes gives the same outputs as the whole batch."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_resnet, native, optimize_for_inference
from resnet_tf.models.lanes import side_by_side
from tests.models.test_inference import trained


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(7, 32, 32, 3)).astype("float32")


@pytest.mark.parametrize("size", [7, 2, 1])
@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_any_batch_in_any_number_of_lanes(size, lanes, images):
    model = build_resnet(ModelConfig(num_residual_blocks=1))
    expected = model(images[:size], training=False)
    run = tf.function(
        side_by_side(model, lanes),
        input_signature=[tf.TensorSpec((None, 32, 32, 3))],
    )
    found = run(images[:size])
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


@pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("name", ["resnet20", "uva_googlenet", "uva_densenet"])
def test_native_kernels_keep_the_logits(name, lanes, images):
    model = optimize_for_inference(trained(name))
    form = [tf.TensorSpec((None, 32, 32, 3))]
    plain, own = (
        tf.function(side_by_side(model, lanes, native_kernels), input_signature=form)
        for native_kernels in (False, True)
    )
    assert not any("ResnetTf" in type_ for type_ in _operations(plain))
    assert {"ResnetTfConv", "ResnetTfDirectConv"} <= set(_operations(own))
    expected = plain(images)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(own(images), expected, rtol=0, atol=1e-5 * scale)


def _operations(function) -> list[str]:
    graph = function.get_concrete_function().graph
    return [operation.type for operation in graph.get_operations()]
