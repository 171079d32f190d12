import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resnet_tf.reporting.tensorboard import TensorBoard

ARRAYS = {
    "spread": np.arange(60, dtype=np.float32).reshape(3, 20),
    "equal": np.full(5, 2.5, np.float32),
    "one": np.ones((1, 1)),
}


@pytest.fixture
def events(tmp_path):
    board = TensorBoard(tmp_path / "ours")
    board.histograms(ARRAYS, 7)
    board.close()
    with tf.summary.create_file_writer(str(tmp_path / "theirs")).as_default(step=7):
        for name, array in ARRAYS.items():
            tf.summary.histogram(name, array)
    return [EventAccumulator(str(tmp_path / x)).Reload() for x in ("ours", "theirs")]


def test_histograms_match_tensorflow(events):
    ours, theirs = events
    for name in ARRAYS:
        (found,), (expected,) = ours.Tensors(name), theirs.Tensors(name)
        assert found.step == expected.step == 7
        np.testing.assert_allclose(
            tf.make_ndarray(found.tensor_proto), tf.make_ndarray(expected.tensor_proto)
        )
        metadata = [each.SummaryMetadata(name).plugin_data for each in events]
        assert metadata[0] == metadata[1]
