import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import build_model
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.data.digits import load
from resnet_tf.evaluation import evaluate as module
from resnet_tf.evaluation.full_pass import FullPass, Result


@pytest.fixture(scope="module")
def split():
    return load(test=True).part("test", 0, 257)


@pytest.fixture(scope="module")
def model(tiny):
    return build_model(tiny().model)


@pytest.fixture(scope="module")
def full_pass(tiny, model):
    return FullPass(model, tiny().data)


@pytest.fixture(scope="module")
def whole(full_pass, split):
    """Returns the result of all images in one batch."""
    return full_pass(split, 257)


@pytest.mark.parametrize("batch_size", [1, 7, 250, 257, 1000])
def test_the_batch_size_does_not_matter(full_pass, whole, split, batch_size):
    result = full_pass(split, batch_size)
    assert result.n == 257
    largest = np.abs(whole.logits).max()
    assert np.abs(result.logits - whole.logits).max() <= 1e-4 * largest
    np.testing.assert_array_equal(result.predictions, whole.predictions)


def test_many_passes_in_one_process_do_not_warn(tiny, model, split, caplog):
    """TensorFlow warns once five functions have been traced in a call."""
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    few = split.part("test", 0, 8)
    for _ in range(6):
        FullPass(model, tiny().data)(few, 8)
    logger.removeHandler(caplog.handler)
    assert "retracing" not in caplog.text


@pytest.mark.parametrize("lanes", [2, 4])
def test_lanes_do_not_matter(tiny, model, whole, split, lanes):
    full_pass = FullPass(model, tiny().data, lanes)
    result = full_pass(split, 127)  # the last batch has 3 images
    np.testing.assert_allclose(result.logits, whole.logits, atol=1e-4)


def test_every_image_is_seen_once_and_in_order(full_pass, split):
    result = full_pass(split, 100)
    np.testing.assert_array_equal(result.labels, split.labels)
    for index in (0, 99, 100, 256):
        alone = full_pass(split.part("test", index, index + 1), 1)
        np.testing.assert_allclose(alone.logits[0], result.logits[index], atol=1e-4)


def test_a_pass_uses_the_current_weights(model, full_pass, whole, split):
    bias = model.get_layer("logits").bias
    start = bias.numpy()
    bias.assign(start + np.arange(10.0))
    after = full_pass(split, 257).logits
    bias.assign(start)
    np.testing.assert_allclose(
        after - whole.logits, np.tile(np.arange(10.0), (257, 1)), atol=1e-4
    )


def _result(logits, labels):
    return Result(
        "test", np.array(logits, "float32"), np.array(labels), ("a", "b", "c")
    )


def test_figures_by_hand():
    result = _result([[2, 1, 0], [0, 1, 0], [5, 0, 0], [0, 0, 9]], [0, 1, 1, 2])
    assert result.error == 25.0
    assert result.per_class_error == {"a": 0.0, "b": 50.0, "c": 0.0}
    exps = [np.exp([2, 1, 0]), np.exp([0, 1, 0]), np.exp([5, 0, 0]), np.exp([0, 0, 9])]
    shares = [e[y] / e.sum() for e, y in zip(exps, [0, 1, 1, 2], strict=True)]
    assert result.loss == pytest.approx(-np.log(shares).mean(), rel=1e-6)
    assert result.interval == pytest.approx((4.56, 69.94), abs=0.01)
    assert result.to_dict()["n"] == 4


def test_huge_logits_do_not_overflow():
    assert _result([[1e4, 0, 0]], [1]).loss == pytest.approx(1e4)


def test_a_class_without_images():
    assert _result([[1, 0, 0]], [0]).per_class_error == {"a": 0.0, "b": None, "c": None}


@pytest.mark.parametrize(("bn_eval", "calls"), [("moving", 1), ("batch", 0)])
def test_each_lane_has_one_thread(tiny, tmp_path, monkeypatch, bn_eval, calls):
    """A network that uses batch statistics gets the whole batch and all threads."""
    config = tiny(bn_eval=bn_eval)
    save_checkpoint(tmp_path, build_model(config.model), config, {})
    called = []
    monkeypatch.setattr(module, "one_thread_an_operation", lambda: called.append(1))
    module.subject(tmp_path, lanes=2)
    assert len(called) == calls
