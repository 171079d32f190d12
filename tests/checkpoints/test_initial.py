import socket

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.checkpoints import initial, resolve
from resnet_tf.checkpoints.initial import initialize
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.config import HEAD, ExperimentConfig
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.models import build_model
from tests.checkpoints.test_torch_file import as_legacy, storage, tensor
from tests.checkpoints.test_torchvision import CLASSES, state_dict

# Weights of ResNet-8: 7 convolutions, 7 batch norms, the head.
RESNET8 = 7 + 4 * 7 + 2


def moved(network) -> keras.Model:
    """A network with weights and statistics that all changed."""
    model = build_model(network)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    return model


def assert_copied(model, source, head):
    """Asserts that all weights are copied, with or without the head."""
    for ours, theirs in zip(model.weights, source.weights, strict=True):
        if head or not ours.path.startswith(HEAD):
            np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
        else:
            assert ours.shape[-1] == 10 and abs(ours.numpy()).max() < 0.5


@pytest.fixture(scope="module", params=[10, 100], ids="{} classes".format)
def source(request, tiny, tmp_path_factory):
    """A checkpoint folder and its model, with our number of classes or another one."""
    dataset = {10: "digits", 100: "cifar100"}[request.param]
    config = tiny(dataset=dataset)
    model = moved(config.model)
    folder = tmp_path_factory.mktemp("source") / "model_8"
    save_checkpoint(folder, model, config, {})
    return folder, model


def line(name, classes, weights=RESNET8):
    if classes == 10:
        return f"weights from {name}: {weights} tensors, the head among them"
    return (
        f"weights from {name}: {weights - 2} tensors; the head of {classes} classes "
        "is replaced by a new one of 10"
    )


@pytest.mark.parametrize("file", ["", "/model.weights.h5"])
def test_from_a_checkpoint_or_its_weights(source, file, tiny):
    folder, theirs = source
    config = tiny(init_from=f"{folder}{file}")
    model = build_model(config.model)
    classes = theirs.output_shape[-1]
    assert initialize(model, config) == line(config.train.init_from, classes)
    assert_copied(model, theirs, head=classes == 10)


def test_from_a_released_model(source, tiny, monkeypatch):
    monkeypatch.setattr(resolve, "pretrained_root", lambda: source[0].parent)
    config = tiny(init_from="model_8")
    model = build_model(config.model)
    classes = source[1].output_shape[-1]
    assert initialize(model, config) == line("model_8", classes)
    assert_copied(model, source[1], head=classes == 10)


def test_the_initialization_of_the_source_does_not_matter(source, tiny):
    config = tiny(
        init_from=str(source[0]),
        kernel_initializer="glorot_uniform",
        bn_momentum=0.5,
        bn_eval="batch",
    )
    model = build_model(config.model)
    initialize(model, config)
    assert_copied(model, source[1], head=source[1].output_shape[-1] == 10)


def test_every_replica_and_a_frozen_backbone(source, tiny):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    config = tiny(init_from=str(source[0]))
    with strategy.scope():
        model = build_model(config.model, dtype="mixed_bfloat16")
    for layer in model.layers:
        layer.trainable = layer.name == HEAD
    initialize(model, config)
    assert_copied(model, source[1], head=source[1].output_shape[-1] == 10)
    kernel, expected = model.weights[0].value, source[1].weights[0]
    copies = strategy.experimental_local_results(kernel)
    assert len(copies) == 2
    for copy in copies:
        np.testing.assert_array_equal(copy, expected)


def refused(config, kind=CheckpointError, model=None) -> str:
    """Returns the message, and asserts that nothing was loaded."""
    model = model or build_model(config.model)
    start = [weight.numpy() for weight in model.weights]
    with pytest.raises(kind) as caught:
        initialize(model, config)
    for weight, value in zip(model.weights, start, strict=True):
        np.testing.assert_array_equal(weight, value)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({"num_residual_blocks": 2}, "num_residual_blocks=1, not 2"),
        (
            {"order": "post", "bn_epsilon": 0.01},
            "order=pre, not post, bn_epsilon=0.001",
        ),
        ({"model": "densenet", "depth": 7}, "with model=resnet, not densenet"),
    ],
)
def test_another_network_is_named(source, settings, difference, tiny):
    message = refused(tiny(init_from=str(source[0]), **settings))
    assert message.startswith("init_from must be the same network apart from num_")
    assert difference in message


def test_no_source(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(initial, "pretrained_names", lambda: ["model_8"])
    (tmp_path / "text.weights.h5").write_text("text")
    deeper = build_model(tiny(num_residual_blocks=2).model)
    deeper.save_weights(tmp_path / "deeper.weights.h5")
    body = keras.Model(deeper.inputs, deeper.get_layer("pool").output)
    body.save_weights(tmp_path / "headless.weights.h5")
    one = keras.layers.Dense(1, name=HEAD)(body.output)
    keras.Model(body.inputs, one).save_weights(tmp_path / "one.weights.h5")
    for name, message in {
        "none": "/none.weights.h5 is missing",
        "text": "/text.weights.h5 cannot be read: ",
        "headless": "must hold a head named logits, received none",
        "deeper": "must hold the 37 weights of resnet8, received 67",
        "one": "num_classes must be at least 2, received 1",
    }.items():
        config = tiny(init_from=f"{tmp_path}/{name}.weights.h5")
        assert message in refused(config)
    assert refused(tiny(init_from="model_9")) == (
        "init_from must be a checkpoint or run folder, a released model (model_8), a "
        ".weights.h5, a torchvision .pth or 'imagenet', received 'model_9'"
    )


@pytest.fixture(scope="module")
def small(tiny) -> keras.Model:
    """A small replacement for a large model that is not used."""
    return build_model(tiny().model)


def finetune(model, init_from, **settings) -> ExperimentConfig:
    values = {"model": model, "init_from": str(init_from), **settings}
    return ExperimentConfig.from_flat(values, "finetune224")


def write_torch(path, tensors):
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    storages = {
        name: storage(str(number), array.reshape(-1).astype("<f4"))
        for number, (name, array) in enumerate(arrays.items())
    }
    value = {
        name: tensor(
            storages[name],
            array.shape,
            tuple(stride // array.itemsize for stride in array.strides),
        )
        for name, array in arrays.items()
    }
    as_legacy(path, value, list(storages.values()))


@pytest.fixture(scope="module")
def built_resnet18():
    return build_model(finetune("resnet18", "a.pth").model)


@pytest.fixture
def resnet18(built_resnet18):
    """A ResNet-18 for any `init_from`, with other weights in each test."""
    for weight in built_resnet18.weights:
        weight.assign(weight + 1.0)
    return built_resnet18


@pytest.mark.parametrize("classes", [CLASSES, 10])
def test_from_torchvision(classes, resnet18, tmp_path):
    tensors = dict(state_dict("resnet18"))
    tensors["fc.weight"] = np.resize(tensors["fc.weight"], (classes, 512))
    tensors["fc.bias"] = np.resize(tensors["fc.bias"], classes)
    write_torch(tmp_path / "resnet18.pth", tensors)
    config, model = finetune("resnet18", tmp_path / "resnet18.pth"), resnet18
    own = model.get_layer(HEAD).kernel.numpy()
    assert initialize(model, config) == line(config.train.init_from, classes, 102)
    kernel = tensors["layer4.1.conv2.weight"].transpose(2, 3, 1, 0)
    (found,) = (w for w in model.weights if w.path == "stage4_block2/conv2/kernel")
    np.testing.assert_array_equal(found, kernel)
    expected = tensors["fc.weight"].T if classes == 10 else own
    np.testing.assert_array_equal(model.get_layer(HEAD).kernel, expected)


def test_tensors_outside_of_torchvisions_network_are_named(resnet18, tmp_path):
    tensors = {f"1.{name}": x for name, x in state_dict("resnet18").items()}
    beside = {"0.mean": np.float32([0.5, 0.5, 0.5]), "0.std": np.ones(3, "float32"),
              "n_averaged": np.ones(1, "float32")}  # fmt: skip
    write_torch(tmp_path / "resnet18.pth", beside | tensors)
    config = finetune("resnet18", tmp_path / "resnet18.pth")
    text = initialize(resnet18, config)
    assert text == line(config.train.init_from, CLASSES, 102) + (
        ". The network lies under `1` in the file. Tensors outside of the network "
        "were skipped: `n_averaged`. The file holds a normalizer, '0.mean' and "
        "'0.std': mean 0.5000, 0.5000, 0.5000 and std 1.0000, 1.0000, 1.0000; this "
        "training has mean 0.4850, 0.4560, 0.4060 and std 0.2290, 0.2240, 0.2250."
    )


def test_a_file_of_several_networks_points_to_import(small, tmp_path):
    tensors = {"layer1.0.conv1.weight": np.ones(4, "float32"), "fc.bias": np.ones(4)}
    two = {f"{net}.{name}": x for net in ("a", "b") for name, x in tensors.items()}
    two["b.fc.bias"] = np.zeros(4)
    path = tmp_path / "two nets.pth"
    write_torch(path, two)
    assert refused(finetune("resnet18", path), model=small) == (
        f"{path}: it holds 2 networks: choose one with --key of python -m resnet_tf "
        f"import '{path}' --output='two nets_imported', which must be one of 'a', 'b'"
    )
    write_torch(path, {f"a.{x}": y for x, y in tensors.items()} | {
        "head.weight": np.ones((2, 2), "float32")})  # fmt: skip
    message = refused(finetune("resnet18", path), model=small)
    assert message.endswith(
        f"give 'a' to --key of python -m resnet_tf import '{path}' "
        "--output='two nets_imported'"
    )


def test_torchvision_of_another_network(small, resnet18, tmp_path):
    path = tmp_path / "a.pth"
    write_torch(path, {"fc.bias": np.zeros(1000), "conv1.weight": np.zeros(3)})
    message = refused(finetune("densenet121", path), model=small)
    assert message == (
        f"{path}: torchvision's densenet121 must have the tensor classifier.bias"
    )
    message = refused(finetune("resnet18", path), model=resnet18)
    assert message == (
        f"{path}: the tensor conv1.weight must have the shape (64, 3, 7, 7), "
        "received (3,)"
    )
    config = finetune("resnet18", tmp_path / "b.pth")
    assert refused(config, model=small) == f"{tmp_path}/b.pth is missing"


@pytest.mark.parametrize("name", ["a.pth", "imagenet"])
def test_settings_that_do_not_match_the_source(name, tiny, small):
    message = refused(tiny(init_from=name), SettingError)
    assert message.startswith("model must be ") and "densenet121" in message
    config = finetune("densenet121", name, bn_epsilon=1e-3)
    message = refused(config, SettingError, small)
    assert message == (f"bn_epsilon must be 1e-05 for init_from={name}, received 0.001")


def test_from_imagenet(monkeypatch):
    """Equal logits, from Keras's own network with random weights."""
    shape = (64, 64, 3)  # smaller than for ImageNet
    theirs = keras.applications.DenseNet121(weights=None, input_shape=shape)
    generator = np.random.default_rng(0)
    for weight in theirs.weights:
        if weight.name != "kernel":
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    theirs.get_layer("bn").moving_variance.assign(np.zeros(1024))
    monkeypatch.setattr(initial, "_imagenet_densenet121", lambda: theirs)
    config = finetune("densenet121", "imagenet")
    model = build_model(config.model, input_shape=shape)
    head = model.get_layer(HEAD)
    kernel = head.kernel.numpy()
    assert initialize(model, config) == line("imagenet", 1000, 606)
    np.testing.assert_array_equal(head.kernel, kernel)
    # Keras adds 1.001e-5 to the variance, torchvision 1e-5.
    variance = model.get_layer("final_bn").moving_variance
    np.testing.assert_allclose(variance, np.full(1024, 1e-8), rtol=1e-6)

    images = generator.normal(size=(2, *shape)).astype("float32")
    pooled = keras.Model(theirs.input, theirs.get_layer("avg_pool").output)(images)
    expected = pooled.numpy() @ kernel
    largest = np.abs(expected).max()
    assert np.ptp(expected[0] - expected[1]) > 1e-3 * largest
    np.testing.assert_allclose(model(images), expected, atol=1e-4 * largest)


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


def test_imagenet_offline(no_cache, small, monkeypatch):
    monkeypatch.setattr(initial, "HOST", "127.0.0.1:9")
    message = refused(finetune("densenet121", "imagenet"), model=small)
    assert message == (
        "init_from=imagenet needs a download from 127.0.0.1:9 and 127.0.0.1:9 does "
        "not answer: run it once online, or give torchvision's densenet121 .pth"
    )


def test_imagenet_from_the_cache_needs_no_host(no_cache, small, monkeypatch):
    """The file exists, so the error comes from Keras."""
    cached = no_cache / initial._CACHED
    cached.parent.mkdir()
    cached.write_text("damaged")

    def fail(weights):
        assert weights == "imagenet" and socket.getdefaulttimeout() == 5
        raise Exception("URL fetch failure\non a.h5")

    monkeypatch.setattr(initial, "answers", lambda host: pytest.fail("asked"))
    monkeypatch.setattr(keras.applications, "DenseNet121", fail)
    message = refused(finetune("densenet121", "imagenet"), model=small)
    assert "the download failed (URL fetch failure on a.h5): run it once" in message
    assert socket.getdefaulttimeout() is None


def fitted(model, optimizer="adam"):
    """Returns a model after two steps of Keras's own loop."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3))
    model.fit(images, np.arange(4), batch_size=2, verbose=0)
    return model


def test_files_of_fit_and_model_checkpoint(tiny, tmp_path):
    """The file also holds the state of the optimizer."""
    path = tmp_path / "a.weights.h5"
    source = fitted(build_model(tiny().model))
    source.save_weights(path)
    with h5py.File(path) as file:
        assert len(file["optimizer/vars"]) > 2
    config = tiny(init_from=str(path))
    model = build_model(config.model)
    assert initialize(model, config) == line(path, 10)
    assert_copied(model, source, head=True)


@pytest.mark.parametrize("layers", ["sequential", "functional", "nested"])
def test_a_model_that_contains_the_network(tiny, tmp_path, layers):
    path = tmp_path / "a.weights.h5"
    source = moved(tiny().model)
    images = keras.Input((32, 32, 3))
    parts = [keras.layers.RandomFlip(), keras.layers.Rescaling(0.5), source]
    if layers == "functional":
        whole = keras.Model(images, keras.layers.Softmax()(source(images)))
    else:
        whole = keras.Sequential([images, *parts, keras.layers.Softmax()])
    if layers == "nested":
        whole = keras.Sequential([images, whole])
    whole.save_weights(path)
    config = tiny(init_from=str(path))
    model = build_model(config.model)
    assert initialize(model, config) == line(path, 10)
    assert_copied(model, source, head=True)


def test_a_model_that_contains_more_is_refused(tiny, tmp_path):
    path = tmp_path / "a.weights.h5"
    images = keras.Input((32, 32, 3))
    network = build_model(tiny().model)
    keras.Sequential([images, network, keras.layers.PReLU()]).save_weights(path)
    message = refused(tiny(init_from=str(path)))
    assert "must hold a head named logits, received none" in message
    assert "layers/network/layers/dense/vars/0" in message
    assert "layers/p_re_lu/vars/0" in message


def test_the_weight_that_differs_is_named(tiny, tmp_path):
    path = tmp_path / "a.weights.h5"
    build_model(tiny(num_residual_blocks=2).model).save_weights(path)
    message = refused(tiny(init_from=str(path)))
    name = "layers/pre_act_residual_block_1/bn2/vars/0"
    assert message.endswith(f"{name}: (16,), the network has (32,) there")
