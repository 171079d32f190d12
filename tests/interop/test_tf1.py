"""Checkpoints that TensorFlow 1's Saver writes from a graph like the original's."""

import dataclasses
import functools
import shutil
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.cli.main import main
from resnet_tf.data.sources import load_split
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.averages import with_averages
from resnet_tf.interop.source import Source
from resnet_tf.interop.tf1 import read_tf1
from resnet_tf.interop.tf1_file import checkpoint_prefix, is_tf1, read_variables
from resnet_tf.models import build_model

v1 = tf.compat.v1
V1, V2 = v1.train.SaverDef.V1, v1.train.SaverDef.V2
EPSILON = 1e-3
STEP = 79_999


class Written(NamedTuple):
    """A checkpoint, and the logits of its own graph for the images."""

    prefix: Path
    logits: np.ndarray


def random_normal(scale, mean=0.0):
    return v1.random_normal_initializer(mean, scale)


def convolution(x, channels, stride=1):
    # So small that epsilon matters compared with the variance.
    scale = 0.2 * (9 * int(x.shape[-1])) ** -0.5
    kernel = v1.get_variable(
        "conv", [3, 3, x.shape[-1], channels], initializer=random_normal(scale)
    )
    return tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME")


def normalized_relu(x):
    channels = x.shape[-1]
    beta = v1.get_variable("beta", [channels], initializer=random_normal(0.2))
    gamma = v1.get_variable("gamma", [channels], initializer=random_normal(0.2, 1.0))
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return tf.nn.relu(
        tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)
    )


def block(x, channels, bare):
    grows = x.shape[-1] != channels
    with v1.variable_scope("conv1_in_block"):
        before = x if bare else normalized_relu(x)
        y = convolution(before, channels, 2 if grows else 1)
    with v1.variable_scope("conv2_in_block"):
        y = convolution(normalized_relu(y), channels)
    if grows:
        x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        more = (channels - int(x.shape[-1])) // 2
        x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [more, more]])
    return x + y


def network(x, blocks, classes):
    with v1.variable_scope("conv0"):
        x = normalized_relu(convolution(x, 16))
    for stage, channels in enumerate((16, 32, 64), start=1):
        for number in range(blocks):
            with v1.variable_scope(f"conv{stage}_{number}"):
                x = block(x, channels, bare=stage == 1 and number == 0)
    with v1.variable_scope("fc"):
        x = tf.reduce_mean(normalized_relu(x), [1, 2])
        kernel = v1.get_variable(
            "fc_weights", [64, classes], initializer=random_normal(0.3)
        )
        bias = v1.get_variable("fc_bias", [classes], initializer=random_normal(0.3))
        return tf.matmul(x, kernel) + bias


def write(
    folder, images, blocks=1, version=V2, *, classes=10, training=False, extra=None
) -> Written:
    """Saves a network with random weights and runs it on the images as one batch.

    `training` adds an optimizer, averages and counters. `extra` maps the names of
    more variables to their shapes.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(blocks)
        logits = network(tf.constant(images), blocks, classes)
        if training:
            step, _ = (v1.Variable(0, trainable=False) for _ in range(2))
            loss = tf.reduce_mean(tf.square(logits))
            tf.train.ExponentialMovingAverage(0.95, step).apply([loss])
            v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)
        for name, shape in (extra or {}).items():
            v1.get_variable(name, shape)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(v1.global_variables(), write_version=version)
        path = saver.save(session, str(folder / "model.ckpt"), global_step=STEP)
        return Written(Path(path), session.run(logits))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Returns a function that writes a network once and runs it on `images`."""
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")

    @functools.cache
    def make(blocks=1, version=V2, classes=10) -> Written:
        folder = tmp_path_factory.mktemp("tf1")
        return write(folder, images, blocks, version, classes=classes)

    return make


@pytest.fixture
def copied(written, tmp_path):
    """Returns a function that copies a network that a test changes."""

    def copy(version) -> Path:
        original = written(version=version).prefix
        shutil.copytree(original.parent, tmp_path, dirs_exist_ok=True)
        return tmp_path / original.name

    return copy


def save_tensors(prefix, tensors) -> Path:
    """Saves arrays by name."""
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=list(tensors.values()),
    )
    return prefix


def tensors_of(prefix) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()}


class Loaded(NamedTuple):
    """A checkpoint's network with its weights, and their number."""

    model: keras.Model
    source: Source
    used: int


def load(path, images=None) -> Loaded:
    """Reads a checkpoint; the moving averages come from `images`, if any."""
    source = read_tf1(path)
    if images is not None:
        source = with_averages(source, images)
    model = build_model(source.config.model, dtype="float32")
    return Loaded(model, source, source.assign(model))


def assert_near(logits, expected, tolerance=1e-4):
    assert logits.shape == expected.shape
    assert np.abs(logits - expected).max() <= tolerance * np.abs(expected).max()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Twelve random uint8 images."""
    generator = np.random.default_rng(1)
    shades = generator.integers(20, 236, (12, 1, 1, 3))
    noise = generator.integers(-20, 21, (12, 32, 32, 3))
    return (shades + noise).astype(np.uint8)


@pytest.fixture(scope="module")
def whitened(pixels) -> np.ndarray:
    """The same images, each with mean 0 and standard deviation 1."""
    values = pixels.astype("float64")
    mean = values.mean((1, 2, 3), keepdims=True)
    std = values.std((1, 2, 3), keepdims=True)
    return ((values - mean) / std).astype("float32")


@pytest.mark.parametrize("version", [V1, V2], ids=["V1", "V2"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_the_logits_equal_the_originals(written, images, blocks, version):
    made = written(blocks, version)
    model, source, used = load(made.prefix)
    config = source.config
    assert_near(model(images).numpy(), made.logits)
    assert model.name == f"resnet{6 * blocks + 2}"
    assert config.recipe == "wenxinxu"
    assert config.model.bn_eval == "batch"
    assert (config.data.dataset, config.data.normalization) == ("cifar10", "whitening")
    assert used == 18 * blocks + 5
    name = made.prefix.name + (".index" if version == V2 else "")
    assert source.files[0].name == name
    (note,) = source.notes
    assert "bn_eval=batch" in note and "\n" not in note


def test_variables_of_training_are_skipped(tmp_path, images):
    # Names from other versions of TensorFlow.
    extra = {
        "validation_step": [],
        "div/ExponentialMovingAverage/biased": [],
        "conv0/conv/ExponentialMovingAverage": [3, 3, 3, 16],
    }
    written = write(tmp_path, images, training=True, extra=extra)
    # 23 weights and 23 slots, the average of the loss, two counters and `extra`.
    assert len(read_variables(written.prefix)) == 23 + 23 + 1 + 2 + 3
    model, _, used = load(written.prefix)
    assert_near(model(images).numpy(), written.logits)
    assert used == 23


@pytest.mark.parametrize(
    ("version", "suffixes"),
    [
        (V1, ["", ".meta"]),
        (V2, ["", ".meta", ".index", ".data-00000-of-00001"]),
    ],
)
def test_a_checkpoint_is_recognized_by_each_of_its_files(written, version, suffixes):
    prefix = written(version=version).prefix
    assert prefix.name == f"model.ckpt-{STEP}"
    for suffix in suffixes:
        name = f"{prefix}{suffix}"
        assert is_tf1(name) and checkpoint_prefix(name) == prefix
        assert load(name).model.name == "resnet8"
    files = {f"{prefix}{end}" for end in suffixes} - {f"{prefix}.meta"}
    if version == V2:
        files.remove(str(prefix))
    source = read_tf1(prefix)
    assert {str(file) for file in source.files} == files
    assert source.published is None and len(source.notes) == 1


@pytest.mark.parametrize(
    "name", ["", "absent.ckpt-1", "notes.index", ".index", "notes", "empty"]
)
def test_other_files_are_not_checkpoints(tmp_path, name):
    (tmp_path / "notes").write_text("not a table of tensors")
    (tmp_path / "empty").touch()
    assert not is_tf1(tmp_path / name)
    with pytest.raises(CheckpointError, match="must be a checkpoint of TensorFlow 1"):
        load(tmp_path / name)


def test_more_numbers_than_bytes_are_refused(tmp_path):
    save_tensors(tmp_path / "a", {"0": np.ones(1000, "float32")})
    data = tmp_path / "a.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="must hold the 1000 numbers that they"):
        read_variables(tmp_path / "a")


def test_a_weight_of_text_is_refused(tmp_path):
    text = np.array(["text"])
    save_tensors(tmp_path / "a", {"0": np.ones(1000, "float32"), "1": text})
    with pytest.raises(CheckpointError, match="1 must be numbers"):
        read_variables(tmp_path / "a")


@pytest.mark.parametrize(
    ("version", "suffix"), [(V1, ""), (V2, ".index"), (V2, ".data-00000-of-00001")]
)
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_checkpoint_is_refused_in_one_line(copied, version, suffix, damage):
    prefix = copied(version)
    file = Path(f"{prefix}{suffix}")
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    if damage == "cut":
        file.write_bytes(content[:middle])
    elif damage == "changed":
        content[middle] ^= 0xFF
        file.write_bytes(content)
    else:
        file.unlink()
    with pytest.raises(CheckpointError) as caught:
        load(prefix)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("conv0/beta", None, "resnet8 must have the variable conv0/beta"),
        ("conv3_0/conv2_in_block/conv", None, "variable conv3_0/conv2_in_block/conv"),
        ("fc/fc_bias", None, "must have the variables .*fc/fc_bias, received 22"),
        ("conv1_0/conv1_in_block/conv", None, "must have the variables conv1_0/"),
        ("conv2_1/conv1_in_block/conv", np.zeros((3, 3), "float32"), "no variable"),
        ("fc/moving_mean", np.zeros(64, "float32"), "no variable 'fc/moving_mean'"),
        ("Variable", np.zeros(3, "float32"), "no variable 'Variable'"),
        ("dense/Momentum", np.zeros(3, "float32"), "no variable 'dense/Momentum'"),
        ("fc/gamma", np.ones(32, "float32"), r"fc/gamma must be .*\(64,\), .*\(32,\)"),
        ("fc/gamma", np.full(64, np.nan, "float32"), "fc/gamma must be finite"),
        ("conv0/gamma", np.ones(16), "conv0/gamma must be float32 .* float64"),
    ],
)
def test_another_network_is_refused(tmp_path, written, name, value, message):
    tensors = tensors_of(written().prefix)
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    with pytest.raises(CheckpointError, match=message) as caught:
        load(save_tensors(tmp_path / "model.ckpt", tensors))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("classes", "dataset"), [(100, "cifar100"), (7, "folder")])
def test_the_data_set_follows_from_the_classes(written, images, classes, dataset):
    made = written(classes=classes)
    model, source, _ = load(made.prefix)
    config = source.config
    assert_near(model(images).numpy(), made.logits)
    assert (config.data.dataset, config.model.num_classes) == (dataset, classes)


def test_the_published_error_of_the_original(written):
    source = read_tf1(written(blocks=5).prefix)
    assert source.family == "wenxinxu/resnet-in-tensorflow ResNet-32"
    assert source.published.error == 6.7
    assert source.config.data.validation_size == 0
    assert source.config.data.sampling == "window"


@pytest.fixture(scope="module")
def averaged(tmp_path_factory, pixels, whitened):
    """A network for `whitened`, and with the averages of `pixels`."""
    made = write(tmp_path_factory.mktemp("averaged"), whitened)
    return made, load(made.prefix, pixels)


def test_statistics_of_training_images(averaged, whitened):
    """One batch, whitened like the original's images, gives its own statistics."""
    made, (model, source, _) = averaged
    assert source.config.model.bn_eval == "moving"
    assert "computed them from 12 training images" in source.notes[0]
    moving = model(whitened).numpy()
    assert_near(moving, made.logits, 1e-2)
    # Single images give the same logits as the batch.
    singly = np.concatenate([model(image[None]).numpy() for image in whitened])
    assert_near(singly, moving)


def test_the_import_can_be_saved_as_a_checkpoint(tmp_path, averaged, whitened):
    _, (model, source, _) = averaged
    config = source.config
    save_checkpoint(tmp_path / "ours", model, config, {})
    loaded = load_checkpoint(tmp_path / "ours")
    assert loaded.config.to_dict() == config.to_dict()
    np.testing.assert_array_equal(loaded.model(whitened), model(whitened))
    assert build_model(loaded.config.model).count_params() == model.count_params()


def test_the_import_command(tmp_path, written):
    prefix = written().prefix
    main(["import", str(prefix), f"--output={tmp_path / 'out'}"])
    again = read_config(tmp_path / "out" / "config.json")
    assert (again.model.order, again.model.bn_eval) == ("pre", "batch")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "wenxinxu" in card and "bn_eval=batch; moving averages: none" in card


def test_the_command_computes_the_averages(tmp_path, written, fake_cifar, capsys):
    prefix, output = written().prefix, tmp_path / "out"
    where = [f"--data_dir={fake_cifar}", f"--cache_dir={tmp_path / 'cache'}"]
    main(["import", str(prefix), f"--output={output}", *where])
    loaded = load_checkpoint(output)
    assert loaded.config.model.bn_eval == "moving"
    assert (loaded.metrics["bn_eval"], loaded.metrics["averaged_images"]) == (
        "moving",
        96,
    )
    assert loaded.metrics["n_test"] == 37
    data = dataclasses.replace(loaded.config.data, data_dir=fake_cifar)
    split = load_split(data, "train")
    expected = load(prefix, split.images).model
    for one, other in zip(loaded.model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
    assert "computed them from 96 training images" in capsys.readouterr().out
    assert "bn_eval=moving; moving averages: computed from 96 training" in (
        (output / "README.md").read_text()
    )


def test_batch_statistics_can_be_kept(tmp_path, written, fake_cifar):
    prefix, output = written().prefix, tmp_path / "out"
    where = [f"--data_dir={fake_cifar}", f"--cache_dir={tmp_path / 'cache'}"]
    main(["import", str(prefix), f"--output={output}", "--bn_eval=batch", *where])
    loaded = load_checkpoint(output)
    assert (loaded.metrics["bn_eval"], loaded.metrics["averaged_images"]) == (
        "batch",
        None,
    )
    assert loaded.metrics["n_test"] == 37


def test_without_the_written_for_the_averages(tmp_path, written, capsys):
    prefix, output = written().prefix, tmp_path / "out"
    with pytest.raises(SystemExit) as caught:
        main(["import", str(prefix), f"--output={output}", f"--data_dir={tmp_path}"])
    assert caught.value.code == 3
    error = capsys.readouterr().err
    assert "dataset cifar10 is not in" in error and error.count("\n") == 1
    assert not output.exists()
