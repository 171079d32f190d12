import numpy as np
import pytest

import resnet_tf
from resnet_tf import ModelConfig, build_model
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.config import DataConfig, named_network, network_size
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.sources import load_split
from resnet_tf.errors import SettingError
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.training.whitening import EPSILON, whiten_stem, whitening_filters
from tests.models.counts import count

DIGITS = DataConfig(dataset="digits", normalization="mean_std")


def patches(images, config):
    """Returns the 3x3 patches, cut out one place after another, float64."""
    maps = normalize(images, config).numpy().astype(np.float64)
    cut = [
        maps[:, i : i + 3, j : j + 3].reshape(len(maps), -1)
        for i in range(30)
        for j in range(30)
    ]
    return np.concatenate(cut)


@pytest.mark.parametrize("config", [DIGITS, DataConfig(dataset="digits")])
def test_the_outputs_are_white(config):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    images[:, 1:] = images[:, 1:] // 2 + images[:, :-1] // 2  # neighbors correlate
    filters = whitening_filters(images, config)
    assert filters.shape == (3, 3, 3, 54) and filters.dtype == np.float32
    flat = filters.reshape(27, 54)
    np.testing.assert_array_equal(flat[:, 27:], -flat[:, :27])
    outputs = patches(images, config) @ flat[:, :27]
    moments = outputs.T @ outputs / len(outputs)
    values = np.diag(moments)
    # eigenvalue / (eigenvalue + epsilon), which is close to 1.
    np.testing.assert_allclose(moments, np.diag(values), atol=1e-4)
    assert np.all(np.diff(values) < 1e-6) and 0.9 < values.min() <= values.max() < 1
    largest = np.abs(flat[:, :27]).argmax(axis=0)
    assert np.all(flat[largest, np.arange(27)] > 0)
    # The norm of a filter is 1 / sqrt(eigenvalue + epsilon).
    eigenvalues = values * EPSILON / (1 - values)
    norms = np.linalg.norm(flat[:, :27], axis=0)
    np.testing.assert_allclose(norms, (eigenvalues + EPSILON) ** -0.5, rtol=0.05)
    np.testing.assert_array_equal(whitening_filters(images, config), filters)


def test_the_network_has_its_own_name_and_counts():
    settings = {"num_residual_blocks": 3, "order": "post", "stem": "whitened"}
    config = ModelConfig(**settings)
    model = build_model(config)
    assert (model.name, config.title) == ("resnet20_whitened", "ResNet-20-whitened")
    assert count(model.trainable_weights) == 269_722 + 54 * 16 - 27 * 16
    size = network_size(config)
    assert size.parameters == count(model.trainable_weights)
    assert size.numbers == count(model.weights)
    assert size.fixed == 27 * 54
    with pytest.raises(SettingError, match="stem must be conv for model=resnet20, rec"):
        named_network("resnet20", stem="whitened")


@pytest.mark.usefixtures("bare")
def test_a_run_computes_the_filters_and_keeps_them(tiny, tmp_path):
    config = tiny(stem="whitened", train_steps=1, report_freq=1, validation_size=0)
    resnet_tf.train(config, tmp_path)
    model = load_checkpoint(tmp_path).model
    images = load_split(config.data, "train").images
    kernel = model.get_layer("stem_whitening").kernel.numpy()
    np.testing.assert_array_equal(kernel, whitening_filters(images, config.data))
    shown = normalize(images[:4], config.data)
    folded = optimize_for_inference(model)
    np.testing.assert_allclose(folded(shown), model(shown), atol=1e-4)
    # Another stem stays as it is.
    plain = build_model(tiny().model)
    before = plain.get_weights()
    whiten_stem(plain, images, config.data)
    for one, other in zip(plain.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
