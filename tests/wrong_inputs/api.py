"""Wrong calls of the public names; each raises a built-in error with one line."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

import resnet_tf
from resnet_tf import (
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
)


class Call(NamedTuple):
    """A wrong call and its error.

    Attributes:
        name: Description of the fault.
        call: The call, given a checkpoint folder.
        error: The built-in exception that the error also is.
        text: Part of the error message.
    """

    name: str
    call: Callable[[str], Any]
    error: type[Exception]
    text: str


def _tiny(**settings: Any) -> ExperimentConfig:
    return ExperimentConfig.from_flat({"train_steps": 2, **settings}, "quickstart")


def _predict(checkpoint: str, images: Any, batch_size: Any = 1) -> Any:
    return resnet_tf.load_pretrained(checkpoint).predict_images(images, batch_size)


_IMAGES = np.zeros((1, 32, 32, 3), np.uint8)

CALLS = [
    # Settings.
    Call("an unknown model", lambda c: ModelConfig(model="resnet21"), ValueError,
         "unknown model 'resnet21'; did you mean resnet"),
    Call("a word for a number", lambda c: ModelConfig(num_classes="ten"), ValueError,
         "num_classes must be an integer, received 'ten'"),
    Call("a boolean for a number", lambda c: TrainConfig(train_steps=True), ValueError,
         "train_steps must be an integer, received True"),
    Call("a number for a name", lambda c: DataConfig(data_dir=3), ValueError,
         "data_dir must be a str, received 3"),
    Call("an unknown choice", lambda c: DataConfig(dataset="mnist"), ValueError,
         "dataset must be one of cifar10, cifar100, cifar100_coarse, digits, folder, "
         "received 'mnist'"),
    Call("a rate of nan", lambda c: OptimizerConfig(init_lr=float("nan")), ValueError,
         "init_lr must be finite, received nan"),
    Call("classes of another data set",
         lambda c: ExperimentConfig(model=ModelConfig(num_classes=3)), ValueError,
         "num_classes must be 10 for dataset=cifar10, received 3"),
    Call("an unknown setting", lambda c: _tiny(init_rl=1.0), ValueError,
         "unknown setting 'init_rl'; did you mean init_lr"),
    Call("an unknown recipe", lambda c: ExperimentConfig.from_flat({}, "fast"),
         ValueError, "unknown recipe 'fast'"),
    Call("a config that is a list", lambda c: ExperimentConfig.from_dict([1]),
         ValueError, "config must be an object, received [1]"),
    # Networks.
    Call("an unknown network", lambda c: resnet_tf.build_model("resnet21"),
         ValueError, "unknown network 'resnet21'; did you mean"),
    Call("a number for a network", lambda c: resnet_tf.build_model(20), ValueError,
         "name_or_config must be a network's name or a ModelConfig, received 20"),
    Call("an unknown setting of a network",
         lambda c: resnet_tf.build_model("resnet20", classes=100), ValueError,
         "unknown setting 'classes'; did you mean num_classes"),
    Call("values in addition to a config",
         lambda c: resnet_tf.build_model(ModelConfig(), num_classes=100), ValueError,
         "values go with a network's name only, received a config and"),
    Call("an unknown type",
         lambda c: resnet_tf.build_model("resnet20", dtype="float8"), ValueError,
         "float8"),
    Call("a DenseNet for a ResNet",
         lambda c: resnet_tf.build_resnet(ModelConfig(model="densenet")), ValueError,
         "config.model must be resnet"),
    Call("a ResNet for a DenseNet", lambda c: resnet_tf.build_densenet(ModelConfig()),
         ValueError, "config.model must be densenet"),
    Call("a network that is not functional",
         lambda c: resnet_tf.optimize_for_inference(keras.Sequential(name="s")),
         ValueError, "model must be functional, received Sequential 's'"),
    # Checkpoints.
    Call("no checkpoint", lambda c: resnet_tf.load_pretrained("nowhere"),
         FileNotFoundError, "received 'nowhere'"),
    Call("no checkpoint to evaluate", lambda c: resnet_tf.evaluate("nowhere"),
         FileNotFoundError, "received 'nowhere'"),
    Call("no name", lambda c: resnet_tf.load_pretrained(None), FileNotFoundError,
         "received 'None'"),
    Call("an unknown policy", lambda c: resnet_tf.load_pretrained(c, "float8"),
         ValueError, "dtype must be one of float32, mixed_bfloat16, mixed_float16"),
    Call("fractions for pixels", lambda c: _predict(c, _IMAGES / 255), ValueError,
         "images must be a uint8 array (N, H, W, 3) with N, H and W above 0, received "
         "float64 (1, 32, 32, 3)"),
    Call("one image", lambda c: _predict(c, _IMAGES[0]), ValueError,
         "received uint8 (32, 32, 3)"),
    Call("gray images", lambda c: _predict(c, _IMAGES[..., :1]), ValueError,
         "received uint8 (1, 32, 32, 1)"),
    Call("a list of images", lambda c: _predict(c, [[0]]), ValueError, "received list"),
    Call("an empty batch", lambda c: _predict(c, _IMAGES, 0), ValueError,
         "batch_size must be at least 1, received 0"),
    Call("a word for a batch", lambda c: _predict(c, _IMAGES, "all"), ValueError,
         "batch_size must be an integer, received 'all'"),
    # Evaluation and training.
    Call("an unknown split", lambda c: resnet_tf.evaluate(c, "tests"), ValueError,
         "split must be one of train, validation, test, received 'tests'"),
    Call("no lanes", lambda c: resnet_tf.evaluate(c, lanes=0), ValueError,
         "lanes must be at least 1, received 0"),
    Call("an unknown view", lambda c: resnet_tf.evaluate(c, tta="crop"), ValueError,
         "tta must be one of none, flip, multicrop, received 'crop'"),
    Call("mirrored digits", lambda c: resnet_tf.evaluate(c, tta="flip"), ValueError,
         "tta must be none for dataset=digits with flip=false: mirrored images change "
         "their meaning, received flip"),
    Call("an empty test batch", lambda c: resnet_tf.evaluate(c, test_batch_size=0),
         ValueError, "test_batch_size must be at least 1, received 0"),
    Call("an unknown precision",
         lambda c: resnet_tf.evaluate(c, mixed_precision="float8"), ValueError,
         "mixed_precision must be one of float32, bfloat16, float16, received"),
    Call("no data",
         lambda c: resnet_tf.train(
             _tiny(dataset="cifar10", download=False, data_dir="nowhere")),
         FileNotFoundError, "cifar10 is not in nowhere and download is off"),
    Call("no folder of images",
         lambda c: resnet_tf.train(
             _tiny(dataset="folder", data_dir="nowhere", num_classes=3,
                   validation_size=0)),
         FileNotFoundError, "nowhere cannot be read: No such file or directory"),
    Call("settings for a config", lambda c: resnet_tf.train({"train_steps": 2}),
         ValueError, "config must be an ExperimentConfig, received dict"),
    Call("no weights to start from",
         lambda c: resnet_tf.train(_tiny(init_from="nowhere")), FileNotFoundError,
         "init_from must be a checkpoint or run folder"),
]  # fmt: skip
