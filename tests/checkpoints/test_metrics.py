import json

import pytest

from resnet_tf.checkpoints.files import read_metrics
from resnet_tf.checkpoints.resolve import pretrained_names, resolve
from resnet_tf.errors import CheckpointError


def read(tmp_path, **values):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(values))
    return read_metrics(path)


@pytest.mark.parametrize("name", pretrained_names())
def test_metrics_of_a_released_model(name):
    metrics = read_metrics(resolve(name) / "metrics.json")
    assert metrics["n_test"] > 0 and len(metrics["config_sha256"]) == 64


def test_unknown_metrics_are_allowed(tmp_path):
    values = {"test_error": None, "step": 0, "notes": ["x"]}
    assert read(tmp_path, **values) == values


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("step", -1, "a whole number, received -1"),
        ("step", True, "a whole number, received True"),
        ("parameters", "many", "a whole number, received 'many'"),
        ("n_test", 2.5, "a whole number, received 2.5"),
        ("test_error", 100.5, "from 0 to 100, received 100.5"),
        ("validation_error", "8", "from 0 to 100, received '8'"),
        ("test_interval", [1], r"two numbers from 0 to 100, received \[1\]"),
        ("test_interval", 3, "two numbers from 0 to 100, received 3"),
        ("class_names", "cat", "a list of texts, received 'cat'"),
        ("class_names", ["cat", 1], r"a list of texts, received \['cat', 1\]"),
        ("weights_sha256", None, "64 hexadecimal digits, received None"),
        ("weights_sha256", "A" * 64, "64 hexadecimal digits, received 'AAAA"),
        ("config_sha256", "ab", "64 hexadecimal digits, received 'ab'"),
    ],
)
def test_a_wrong_value(tmp_path, key, value, rule):
    with pytest.raises(CheckpointError, match=rf"{key} must be {rule}"):
        read(tmp_path, **{key: value})
