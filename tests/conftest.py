"""Shared fixtures: two logical devices, tiny networks and a fake CIFAR-10."""

import contextlib
import gc
import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as in `startup`
# One thread per process: pytest runs a process for each core.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import pytest
import xdist

import resnet_tf
from resnet_tf.config import ExperimentConfig
from resnet_tf.startup import hidden_stderr
from tests.bare import bare, without_pictures

FAKE_TRAIN, FAKE_TEST = 96, 37
# Files that take more than ten seconds on one core. They run first, so that no process
# is left with a long file at the end.
LONG = """
training/test_train.py
models/test_inference.py
models/test_networks.py
cli/test_verify_resume.py
training/test_trainer.py
interop/test_export.py
training/test_stop.py
training/test_kernels.py
test_scripts.py
training/test_display.py
training/test_accumulate.py
layers/test_dense.py
checkpoints/test_initial.py
""".split()


def pytest_sessionstart(session):
    """Gives TensorFlow two logical CPUs, so that two replicas can run anywhere."""
    if xdist.is_xdist_controller(session):
        return  # The controller runs no tests and starts faster without TensorFlow.
    # A job in the background ignores Ctrl-C; tests of signals need the usual handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with hidden_stderr():
        import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    # Building graphs makes millions of objects. By default, the search for garbage
    # among them takes an eighth of the time of these tests.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def pytest_collection_modifyitems(items):
    """Puts the long files first; `--no-loadscope-reorder` keeps this order."""
    order = {f"tests/{name}": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


@pytest.fixture(autouse=True)
def seeded():
    """Starts every test from the same random state and clears Keras's names."""
    import keras

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def images() -> np.ndarray:
    """Returns eight random images, float32 array (8, 32, 32, 3)."""
    return np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="session")
def tiny():
    """Returns a function from settings to a config for a few fast steps on digits."""

    def make(**settings) -> ExperimentConfig:
        fast = {
            "train_steps": 4,
            "train_batch_size": 16,
            "report_freq": 2,
            "steps_per_call": 1,
        }
        return ExperimentConfig.from_flat({**fast, **settings}, "quickstart")

    return make


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """Returns a folder that all processes of this session share."""
    root = tmp_path_factory.getbasetemp()
    return root.parent if "PYTEST_XDIST_WORKER" in os.environ else root


@pytest.fixture(scope="session")
def trained(tiny, shared, tmp_path_factory) -> Path:
    """Returns the folder of a run trained on the digits; tests must not change it."""
    folder = shared / "trained"
    if not folder.exists():
        own = tmp_path_factory.mktemp("trained") / "run"
        fast = {"train_batch_size": 64, "steps_per_call": 0}
        with without_pictures():
            resnet_tf.train(tiny(train_steps=150, report_freq=150, **fast), own)
        with contextlib.suppress(OSError):  # another process was faster
            own.rename(folder)
    return folder


@pytest.fixture(name="without_pictures")
def trainings_without_pictures():
    """Skips the pictures of trainings."""
    with without_pictures():
        yield


@pytest.fixture(name="bare")
def bare_trainings():
    """Skips the pictures and the final evaluation of trainings; see `bare`."""
    with bare():
        yield


@pytest.fixture(scope="session")
def real_cifar(shared) -> str:
    """Returns the cache folder of the real CIFAR-10; all processes share it."""
    if "TFDS_DATA_DIR" not in os.environ:
        pytest.skip("TFDS_DATA_DIR is not set")
    return str(shared / "cifar")


@pytest.fixture(scope="session")
def fake_cifar(tmp_path_factory) -> str:
    """Returns a TFDS folder of a CIFAR-10 with 96 training and 37 test images.

    The records are shuffled, as in the real files. Pixel (0, 0, 0) of an image is its
    official index, and its label is the index modulo 10.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("tfds")
    folder = root / "cifar10" / "3.0.2"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )
    generator = np.random.default_rng(0)
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    infos = []
    for split, count in (("train", FAKE_TRAIN), ("test", FAKE_TEST)):
        path = folder / f"cifar10-{split}.tfrecord-00000-of-00001"
        size = 0
        with tf.io.TFRecordWriter(str(path)) as writer:
            for index in generator.permutation(count):
                image = generator.integers(0, 256, (32, 32, 3)).astype(np.uint8)
                image[0, 0, 0] = index
                example = features.serialize_example(
                    features.encode_example(
                        {
                            "id": f"{split}_{index + 1:05d}",
                            "image": image,
                            "label": int(index % 10),
                        }
                    )
                )
                size += len(example)
                writer.write(example)
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[count],
                num_bytes=size,
                filename_template=tfds.core.ShardedFileTemplate(
                    dataset_name="cifar10",
                    data_dir=str(folder),
                    filetype_suffix="tfrecord",
                    template=template,
                ),
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=features,
        split_infos=infos,
        filename_template=template,
    )
    return str(root)
