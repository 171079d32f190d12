"""Distillation: its loss, what the teacher sees, and exact resuming."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import resnet_tf
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.sources import load_split
from resnet_tf.distribution.strategy import make_strategy
from resnet_tf.errors import (
    CheckpointError,
    MissingCheckpointError,
    SettingError,
    StoppedError,
)
from resnet_tf.models import build_model
from resnet_tf.runs.state import hashes, states
from resnet_tf.training.teacher import Teacher, distilled
from resnet_tf.training.trainer import Trainer


def taught_by(folder, config, seed=0, **metrics):
    """Saves an untrained network as a checkpoint and returns the folder's name."""
    keras.utils.set_random_seed(seed)
    save_checkpoint(folder, build_model(config.model), config, metrics)
    return str(folder)


@pytest.fixture(scope="module")
def teacher(tiny, tmp_path_factory):
    """A teacher with another normalization and another order of the blocks."""
    settings = {"order": "post"}
    other = {"channel_mean": (0.1, 0.2, 0.3), "channel_std": (0.5, 0.4, 0.6)}
    folder = tmp_path_factory.mktemp("teacher")
    return taught_by(folder, tiny(**settings, **other))


def batch():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(16, 32, 32, 3)).astype("float32")
    return tf.constant(images), tf.constant(np.arange(16, dtype=np.int32) % 10)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("share, temperature", [(0.9, 4.0), (1.0, 0.5), (0.3, 20.0)])
def test_the_loss_equals_numpy(share, temperature):
    generator = np.random.default_rng(0)
    logits, taught = generator.normal(size=(2, 6, 10)) * 5
    losses = generator.uniform(size=6)
    ours, theirs = log_softmax(logits / temperature), log_softmax(taught / temperature)
    divergence = (np.exp(theirs) * (theirs - ours)).sum(axis=1)
    expected = (1 - share) * losses + share * temperature**2 * divergence
    # Hinton et al. 2015, equation 2, times T^2: d/dz = T * (softmax(z) - softmax(v)).
    gradient = share * temperature * (np.exp(ours) - np.exp(theirs))
    arguments = [tf.constant(value, tf.float32) for value in (losses, logits, taught)]
    with tf.GradientTape() as tape:
        tape.watch(arguments[1])
        found = distilled(*arguments, share, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(tape.gradient(found, arguments[1]), gradient, atol=1e-4)


def test_the_teacher_sees_the_pixels_in_its_own_normalization(tiny, teacher):
    config = tiny(teacher=teacher)
    images = load_split(config.data, "train").images[:8]
    found = Teacher(config, native_kernels=False)(normalize(images, config.data))
    stored = load_checkpoint(Path(teacher))
    expected = stored.model(normalize(images, stored.config.data))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)


SETTINGS = {"teacher_share": 0.7, "teacher_temperature": 2.0}


def loss_by_hand(model, teacher, images, targets):
    """Returns the loss of each image, share 0.7 and temperature 2, and the logits."""
    logits = model(images, training=True)
    hard = -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1)
    theirs = tf.nn.softmax(teacher(images) / 2)
    ratio = tf.math.log(theirs) - tf.nn.log_softmax(logits / 2)
    return 0.3 * hard + 0.7 * 4 * tf.reduce_sum(theirs * ratio, axis=1), logits


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 1e-4), ("float16", 0.02)]
)
def test_the_gradient_by_hand(tiny, teacher, precision, tolerance):
    config = tiny(teacher=teacher, lanes=2, mixed_precision=precision, **SETTINGS)
    trainer = Trainer(config, tf.distribute.get_strategy())
    images, labels = batch()
    mixed = 0.8 * tf.one_hot(labels, 10) + 0.02
    found = tf.function(trainer._gradients, autograph=False)(images, mixed)
    variables = [v.value for v in trainer.model.trainable_variables]
    with tf.GradientTape() as tape:
        # Batch norm normalizes each lane separately.
        lanes = [
            loss_by_hand(trainer.model, trainer.teacher, lane, targets)
            for lane, targets in zip(
                tf.split(images, 2), tf.split(mixed, 2), strict=True
            )
        ]
        losses, logits = (tf.concat(parts, 0) for parts in zip(*lanes, strict=True))
        loss = tf.reduce_mean(losses)
        # In float16 both gradients are of the scaled loss.
        factor = trainer.optimizer.loss_scale
        scaled = factor.scale(loss) if factor else loss
    for one, other in zip(found, tape.gradient(scaled, variables), strict=True):
        bound = tolerance * np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0.01, atol=bound)
    assert trainer.metrics.result()[0] == pytest.approx(float(loss), rel=tolerance)
    # The error is against the labels alone.
    wrong = np.mean(np.argmax(logits, axis=1) != labels)
    assert trainer.metrics.result()[1] == pytest.approx(100 * wrong)


def test_two_replicas_share_the_teacher(tiny, teacher):
    config = tiny(teacher=teacher, strategy="mirrored", **SETTINGS)
    strategy = make_strategy(config.train)
    trainer = Trainer(config, strategy)
    images, labels = batch()
    # Each replica normalizes its own images.
    losses = [
        loss_by_hand(trainer.model, trainer.teacher, part, tf.one_hot(hot, 10))[0]
        for part, hot in zip(tf.split(images, 2), tf.split(labels, 2), strict=True)
    ]
    data = tf.data.Dataset.from_tensors((images, labels))
    data = strategy.experimental_distribute_dataset(data)
    trainer.run(iter(data), tf.constant(1))
    found = trainer.metrics.result()[0]
    assert found == pytest.approx(float(tf.reduce_mean(losses)), rel=1e-4)


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        (
            {"dataset": "cifar10"},
            {},
            "teacher must have dataset=digits like this training, received {} with "
            "dataset=cifar10",
        ),
        (
            {"image_size": 48},
            {},
            "teacher must have image_size=32 like this training, received {} with "
            "image_size=48",
        ),
        (
            {},
            {"normalization": "whitening"},
            "normalization must be mean_std for a teacher that was trained with "
            "mean_std, received whitening, which removes the mean of each image",
        ),
    ],
)
def test_a_teacher_of_another_task_is_refused(tiny, tmp_path, theirs, ours, message):
    name = taught_by(tmp_path / "teacher", tiny(**theirs))
    with pytest.raises(SettingError) as caught:
        resnet_tf.train(tiny(teacher=name, **ours), tmp_path / "run")
    assert str(caught.value) == message.format(name)
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_other_classes_is_refused(tiny, tmp_path):
    names = list("0123456798")
    name = taught_by(tmp_path / "teacher", tiny(), class_names=names)
    with pytest.raises(SettingError) as caught:
        resnet_tf.train(tiny(teacher=name), tmp_path / "run")
    assert str(caught.value) == (
        "class 8 of the teacher must be the data's, '8', received '9'"
    )
    with pytest.raises(MissingCheckpointError, match="teacher must be a checkpoint or"):
        resnet_tf.train(tiny(teacher="model_8"), tmp_path / "run")


def test_the_teacher_can_have_seen_the_validation_images(tiny, tmp_path):
    name = taught_by(tmp_path, tiny(validation_size=100))
    note = Teacher(tiny(teacher=name), native_kernels=False).lines()[1]
    assert note == (
        "the teacher was trained on 80 of the 180 validation images: the validation "
        "error favors this run"
    )


@pytest.mark.usefixtures("bare")
def test_a_run_with_every_setting_resumes_to_the_bit(tiny, tmp_path, capsys):
    folder = tmp_path / "teacher"
    name = taught_by(folder, tiny(order="post"))
    config = tiny(
        teacher=name,
        zero_init_residual=True,
        stochastic_depth=0.5,
        mixup=0.5,
        accumulate=2,
        train_steps=3,
        report_freq=3,
        validation_size=0,
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    resnet_tf.train(config, straight)
    said = capsys.readouterr().out.splitlines()
    sha256 = json.loads((folder / "metrics.json").read_text())["weights_sha256"]
    assert (
        f"teacher {name}: ResNet-8, SHA-256 {sha256[:16]} | the training loss is 0.1 * "
        "cross-entropy + 0.9 * 4^2 * KL at temperature 4"
    ) in said
    with pytest.raises(StoppedError):
        resnet_tf.train(config, broken, until=1)
    record = json.loads((broken / "data.json").read_text())
    assert record["teacher_sha256"] == sha256
    resnet_tf.train(config, broken)
    one, other = (hashes(states(run / "checkpoints")[-1]) for run in (straight, broken))
    assert one == other
    owners = {name.partition("/")[0] for name in one} - {"save_counter"}
    assert owners == {"model", "optimizer", "metrics"}  # not the teacher
    # Another teacher of the same name.
    taught_by(folder, tiny(order="post"), seed=1)
    with pytest.raises(CheckpointError, match="the weights of the teacher differ"):
        resnet_tf.train(config, straight)
