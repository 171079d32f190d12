import dataclasses
import re

import keras
import numpy as np
import pytest

from resnet_tf.analysis import doctor
from resnet_tf.analysis.doctor import diagnosis
from resnet_tf.checkpoints.weights import Checkpoint
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.split import Split
from resnet_tf.evaluation.full_pass import FullPass
from resnet_tf.layers import BatchNorm
from resnet_tf.models import build_model

CLASSES = 10


def drawn(n, seed):
    """Returns images whose class is the color and the phase of their stripes.

    Only place, direction and color determine the class, so that each of the mistakes
    lowers the accuracy.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, n).astype(np.int32)
    images = random.integers(0, 64, (n, 32, 32, 3))
    for image, label in zip(images, labels, strict=True):
        color, phase = divmod(int(label), 4)
        rows = np.arange(32) // 2 % 4 == phase
        image[rows, :, color] += random.integers(96, 160)
    names = tuple("abcdefghij")
    return Split("test", images.astype(np.uint8), labels, names)


def learned(**settings):
    """Returns a checkpoint trained on images of `drawn`."""
    config = ExperimentConfig.from_flat(
        {"num_residual_blocks": 1, **settings}, "onecycle"
    )
    keras.utils.set_random_seed(0)
    model = build_model(config.model, dtype="float32")
    train = drawn(512, 1)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    seen = normalize(train.images, config.data)
    model.fit(seen, train.labels, 64, epochs=5, verbose=0)
    return Checkpoint(None, config, {}, model)


@pytest.fixture(scope="module")
def healthy():
    return learned()


@pytest.fixture(scope="module")
def images():
    return drawn(64, 2)


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Shares the networks that `diagnosis` builds, and compiled passes, by config."""
    built, passes = {}, {}

    def build(config, **options):
        if config not in built:
            built[config] = build_model(config, **options)
        return built[config]

    def full_pass(model, data):
        if model not in passes:
            passes[model] = FullPass(model, data)
        return passes[model]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "build_model", build)
        patch.setattr(doctor, "FullPass", full_pass)
        yield


def behind(checkpoint, *layers):
    """Returns the checkpoint with weightless layers in front of its network."""
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers, checkpoint.model])
    return dataclasses.replace(checkpoint, model=model)


def used_as(checkpoint, **settings):
    """Returns the checkpoint with another config than it was trained with."""
    values = {"num_residual_blocks": 1, **settings}
    config = ExperimentConfig.from_flat(values, "onecycle")
    model = build_model(config.model, dtype="float32")
    model.set_weights(checkpoint.model.get_weights())
    return dataclasses.replace(checkpoint, config=config, model=model)


def changed(checkpoint, change):
    """Returns a copy of the checkpoint after `change` is applied to its network."""
    copy = used_as(checkpoint)
    change(copy.model)
    return copy


def found(checkpoint, images):
    """Returns the name of the attempt that the verdict describes."""
    return told(diagnosis(checkpoint, images))


def told(result):
    assert not result.healthy
    assert result.attempts[0].accuracy < 60
    (best,) = {one for one in result.attempts if result.verdict.startswith(one.words)}
    assert best.surely_better and best.accuracy > 85
    assert f"corrected, {best.accuracy:.1f} % are right, not " in result.verdict
    return best.name


def test_a_healthy_checkpoint(healthy, images):
    result = diagnosis(healthy, images)
    assert result.healthy and result.attempts[0].accuracy > 90
    assert "no mistake that was tried explains the rest" in result.verdict
    names = [one.name for one in result.attempts]
    assert names[0] == "as it is" and len(set(names)) == len(names) == 14


def scaled(checkpoint, scale, offset):
    """Returns a checkpoint whose network expects scale * pixel + offset as input."""
    data = checkpoint.config.data
    mean, std = np.array(data.channel_mean), np.array(data.channel_std)
    return behind(
        checkpoint,
        keras.layers.Rescaling(
            list(1 / (255 * scale * std)),
            list((-offset / (255 * scale) - mean) / std),
        ),
    )


@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [("0 to 255", 1, 0), ("0 to 1", 1 / 255, 0), ("-1 to 1", 2 / 255, -1)],
)
def test_other_scales(healthy, images, name, scale, offset):
    assert found(scaled(healthy, scale, offset), images) == name


@pytest.mark.parametrize(
    "stated",
    [
        {"normalization": "whitening"},
        {"channel_mean": (0.0,) * 3, "channel_std": (1.0,) * 3},
    ],
)
def test_a_wrong_normalization(healthy, images, stated):
    result = diagnosis(used_as(healthy, **stated), images)
    alike = {"cifar10's mean", "cifar100's mean", "ImageNet's mean"}
    assert told(result) in alike
    rest = re.search(r"as good on these images: (.*)\)", result.verdict)[1].split(", ")
    assert {told(result), *rest} >= alike


def test_not_whitened(images):
    whitening = learned(normalization="whitening")
    assert found(used_as(whitening), images) == "whitened"


def test_bgr(healthy, images):
    def change(model):
        kernel = model.get_layer("stem_conv").kernel
        kernel.assign(kernel.numpy()[:, :, ::-1])

    assert found(changed(healthy, change), images) == "BGR"


def test_transposed(healthy, images):
    transposed = behind(healthy, keras.layers.Permute((2, 1, 3)))
    assert found(transposed, images) == "transposed"


def test_planes(healthy, images):
    apart = keras.layers.Reshape((3, 32, 32)), keras.layers.Permute((2, 3, 1))
    assert found(behind(healthy, *apart), images) == "planes"


def test_batch_statistics(healthy, images):
    def change(model):
        for layer in model._flatten_layers():
            if isinstance(layer, BatchNorm):
                layer.moving_mean.assign(0 * layer.moving_mean)
                layer.moving_variance.assign(0 * layer.moving_variance + 1)

    assert found(changed(healthy, change), images) == "batch statistics"


def test_other_labels(healthy):
    def change(model):
        head = model.get_layer("logits")
        head.kernel.assign(np.roll(head.kernel.numpy(), 1, axis=1))
        head.bias.assign(np.roll(head.bias.numpy(), 1))

    # Half of the images find the numbers: each class must be among them.
    result = diagnosis(changed(healthy, change), drawn(120, 2))
    assert told(result) == "other labels"
    assert ": a means j, b means a, c means b, " in result.verdict


def test_shifted_maps(healthy, images):
    assert found(used_as(healthy, stride_padding="both"), images) == "padding end"


def test_an_unexplained_accuracy(healthy, images):
    def change(model):
        kernel = model.get_layer("stem_conv").kernel
        kernel.assign(0 * kernel)

    broken = changed(healthy, change)
    result = diagnosis(broken, images)
    assert not result.healthy and "no better than guessing" in result.verdict
    result = diagnosis(
        dataclasses.replace(broken, metrics={"test_error": 10.0}), images
    )
    assert not result.healthy and result.stated == 90.0
    assert "but its metrics.json states 90.0 %, and no mistake" in result.verdict
