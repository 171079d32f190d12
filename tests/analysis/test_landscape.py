import numpy as np
import pytest

import resnet_tf
from resnet_tf.analysis.landscape import direction, landscape
from resnet_tf.data.sources import load_split


@pytest.fixture(scope="module")
def setting(tiny):
    config = tiny()
    return resnet_tf.build_model(config.model), config


def test_each_filter_of_a_direction_has_the_norm_of_the_weight():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype(np.float32)
    kernel[..., 3] *= 100
    found = direction(kernel, (0, 1))
    lengths = [np.sqrt((x**2).sum((0, 1, 2))) for x in (kernel, found)]
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-5)
    # The direction is random: it does not depend on the kernel's values.
    cosine = (kernel * found).sum((0, 1, 2)) / (lengths[0] * lengths[1])
    assert np.abs(cosine).max() < 0.5
    np.testing.assert_array_equal(found, direction(kernel, (0, 1)))
    assert not np.array_equal(found, direction(kernel, (1, 1)))


def test_biases_and_batch_norm_have_no_direction():
    np.testing.assert_array_equal(direction(np.ones(5, np.float32), (0,)), np.zeros(5))


def test_a_filter_of_zeros_has_no_direction():
    kernel = np.ones((1, 1, 2, 2), np.float32)
    kernel[..., 1] = 0
    found = direction(kernel, (0,))
    assert found[..., 0].any() and not found[..., 1].any()


def test_the_center_is_the_network_and_other_points_are_in_its_plane(setting):
    model, config = setting
    images = load_split(config.data, "train").part("train", 0, 60)
    before = [np.array(weight) for weight in model.weights]
    seen = []
    found = landscape(
        model, images, config.data, size=3, radius=0.5, seed=4,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(3, 9), (6, 9), (9, 9)]
    np.testing.assert_array_equal(found.offsets, [-0.5, 0, 0.5])
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    from resnet_tf.evaluation.full_pass import FullPass

    result = FullPass(model, config.data)(images, 60)
    assert found.loss[1, 1] == pytest.approx(result.loss, rel=1e-5)
    assert found.error[1, 1] == pytest.approx(result.error)
    trained = model.trainable_variables
    start = [np.array(weight) for weight in trained]
    for place, weight in enumerate(trained):
        weight.assign(start[place] + 0.5 * direction(start[place], (4, 0, place)))
    right = FullPass(model, config.data)(images, 60)
    for weight, value in zip(trained, start, strict=True):
        weight.assign(value)
    assert found.loss[1, 2] == pytest.approx(right.loss, rel=1e-5)
    assert found.n == 60


@pytest.mark.parametrize("options", [{"size": 4}, {"size": 1}, {"radius": 0.0}])
def test_wrong_arguments(setting, options):
    model, config = setting
    images = load_split(config.data, "validation")
    with pytest.raises(ValueError, match="size must be odd and above 1, radius above"):
        landscape(model, images, config.data, **options)
