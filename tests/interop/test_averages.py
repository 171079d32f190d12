"""Moving averages from images are exact means over the batches."""

import keras
import numpy as np
import pytest

from resnet_tf.config import ModelConfig
from resnet_tf.interop.averages import recompute_statistics
from resnet_tf.layers import BatchNorm
from resnet_tf.models import build_model

STATISTICS = ("moving_mean", "moving_variance")
# Height and width of the maps by the number of channels after the first stage.
SIDES = {"stem": 32, "stage1": 32, "stage2": 16, "stage3": 8, "final": 8}


def small(bn_eval="moving", **settings) -> keras.Model:
    """ResNet-8 with random weights, none of which has its initial value."""
    keras.utils.set_random_seed(0)
    config = ModelConfig(num_residual_blocks=1, bn_eval=bn_eval, **settings)
    model = build_model(config)
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * generator.normal(size=weight.shape))
    return model


def statistics(model) -> dict[str, np.ndarray]:
    return {
        weight.path: weight.numpy()
        for weight in model.weights
        if weight.path.endswith(STATISTICS)
    }


def values_per_channel(path, images) -> int:
    """Returns n of a batch norm: the images times the pixels of its input."""
    stage = path.split("_")[0]
    side = SIDES[stage]
    if path.startswith(("stage2_block1/bn1", "stage3_block1/bn1")):
        side *= 2
    return images * side * side


def test_one_batch_gives_its_own_statistics(images):
    """The stored variance is n / (n - 1) times the batch's variance."""
    model, reference = small(), small("batch")
    recompute_statistics(model, images)
    for weight in model.weights:
        if weight.path.endswith("moving_variance"):
            n = values_per_channel(weight.path, len(images))
            weight.assign(weight * (n - 1) / n)
    expected = reference(images).numpy()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(images), expected, rtol=0, atol=1e-5 * scale)


def test_the_first_batch_norm_keeps_mean_and_unbiased_variance(images):
    model = small()
    recompute_statistics(model, images)
    x = model.get_layer("stem_conv")(images).numpy().astype("float64").reshape(-1, 16)
    stem = model.get_layer("stem_bn")
    np.testing.assert_allclose(stem.moving_mean, x.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stem.moving_variance, x.var(0, ddof=1), rtol=1e-4)


def test_the_statistics_are_means_over_the_batches(images):
    model, halves = small(), []
    for half in (images[:4], images[4:]):
        recompute_statistics(model, half)
        halves.append(statistics(model))
    note = recompute_statistics(model, images, batch_size=4)
    assert note == "Batch-norm statistics: 8 images, batches: 2."
    for path, found in statistics(model).items():
        expected = (halves[0][path] + halves[1][path]) / 2
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=path)


def test_every_image_is_used_in_batches_of_almost_one_size(images):
    model, seen = small(), []
    note = recompute_statistics(
        model, images, lambda x: seen.append(x.shape) or x, batch_size=3
    )
    assert note.endswith("8 images, batches: 3.")
    assert seen == [(None, 32, 32, 3)]


def test_nothing_else_changes(images):
    model = small()
    before = [weight.numpy() for weight in model.trainable_weights]
    recompute_statistics(model, images)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, old, err_msg=weight.path)
    assert model.get_layer("stem_bn").momentum == 0.9
    assert model.get_layer("stage1_block1").bn2.momentum == 0.9


def test_the_momentum_is_restored_after_an_error(images):
    def fail(batch):
        raise RuntimeError("no images today")

    model = small()
    with pytest.raises(RuntimeError, match="no images today"):
        recompute_statistics(model, images, fail)
    assert model.get_layer("stem_bn").momentum == 0.9


@pytest.mark.parametrize(
    "settings",
    [
        {"shortcut": "B"},
        {"order": "post"},
        {"model": "densenet", "depth": 7},
    ],
)
def test_the_statistics_of_every_batch_norm_are_set(images, settings):
    if settings.get("model") == "densenet":
        model = build_model(ModelConfig(**settings))
    else:
        model = small(**settings)
    recompute_statistics(model, images)
    for path, value in statistics(model).items():
        start = 0 if path.endswith("mean") else 1
        assert (value != start).any(), path


def test_wrong_arguments(images):
    model = small()
    with pytest.raises(ValueError, match="batch_size must be above 0, received 0"):
        recompute_statistics(model, images, batch_size=0)
    with pytest.raises(ValueError, match=r"\(N, 32, 32, 3\) .* received \(0, 32"):
        recompute_statistics(model, images[:0])
    with pytest.raises(ValueError, match="images must be"):
        recompute_statistics(model, images[..., :1])
    model.trainable = False
    with pytest.raises(ValueError, match="must have batch norms, all of them train"):
        recompute_statistics(model, images)
    plain = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="must have batch norms"):
        recompute_statistics(plain, images)
    assert BatchNorm().momentum == 0.9
