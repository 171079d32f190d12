import sys

import pytest
import tensorflow as tf

from resnet_tf.analysis.profiling.operations import Operation, profiled, read
from resnet_tf.errors import SettingError


def space(**planes):
    """Returns a profile from planes.

    A plane is a list of threads, and a thread is a list of (event, seconds).
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    result = xplane_pb2.XSpace()
    for name, threads in planes.items():
        plane = result.planes.add(name=name)
        numbers = {}
        for thread in threads:
            line = plane.lines.add()
            for event, seconds in thread:
                number = numbers.setdefault(event, len(numbers) + 1)
                plane.event_metadata[number].name = event
                line.events.add(metadata_id=number, duration_ps=round(seconds * 1e12))
    return result


def test_a_fake_profile():
    threads = [
        [
            ("net/conv1/Conv2D:_MklNativeConv2D", 0.5),
            ("net/conv2/Conv2D:_MklNativeConv2D", 1.0),
            ("net/dense:_MklMatMul", 0.125),
            ("net/conv3:_FusedConv2D", 0.25),
        ],
        [
            ("net/conv1/Conv2D:_MklNativeConv2D", 0.5),
            ("while:While", 9.0),
            ("call:StatefulPartitionedCall", 9.0),
            ("ThreadpoolListener::Record", 9.0),
            ("Iterator::Root::Prefetch", 9.0),
            ("EagerLocalExecute: ReadVariableOp", 9.0),
            ("FunctionRun", 9.0),
        ],
    ]
    profile = space(**{"/host:CPU": threads, "/device:GPU:0": [[("a:Conv2D", 9.0)]]})
    assert read([profile]) == [
        Operation("Conv2D", 3, 2.0),
        Operation("FusedConv2D", 1, 0.25),
        Operation("MatMul", 1, 0.125),
    ]


def test_an_empty_profile():
    assert read([]) == read([space()]) == []


def test_the_files_of_a_profile_are_combined():
    files = [
        space(**{"/host:CPU": [[("a:Conv2D", 1.0), ("b:MatMul", 1.5)]]}),
        space(**{"/host:CPU": [[("a:Relu", 2.0), ("b:Conv2D", 1.25)]]}),
    ]
    assert read(files) == [
        Operation("Conv2D", 2, 2.25),
        Operation("Relu", 1, 2.0),
        Operation("MatMul", 1, 1.5),
    ]


def test_a_real_profile():
    x = tf.ones((64, 64))
    product = tf.function(lambda x: tf.matmul(tf.matmul(x, x), x))
    product(x)
    found = {one.type: one for one in profiled(lambda: product(x).numpy())}
    assert found["MatMul"].count == 2 and found["MatMul"].seconds > 0


def test_a_tensorflow_without_profiles(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.tsl.profiler.protobuf", None)
    with pytest.raises(SettingError, match=f"received TensorFlow {tf.__version__}"):
        profiled(pytest.fail)
