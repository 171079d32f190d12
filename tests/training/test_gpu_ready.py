"""GPU readiness, tested without a GPU."""

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from resnet_tf import startup
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.sources import load_split
from resnet_tf.training.trainer import Trainer

# Arguments and calls of other graph functions have no kernel.
NO_KERNEL = {"Placeholder"}
# Operations that would leave the graph in the middle of a call.
LEAVES = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "Print", "HostCompute"}


def nodes(graph):
    """Returns every node of a graph and of the functions that it calls."""
    definition = graph.as_graph_def()
    functions = definition.library.function
    inner = [node for function in functions for node in function.node_def]
    return [*definition.node, *inner]


def batches_of(config):
    split = load_split(config.data, "train")
    size = config.train.train_batch_size
    return training_batches(split, config.data, batch_size=size, seed=0)


@pytest.fixture(scope="module", params=["float32", "float16"])
def trained(request, tiny):
    """A trainer and one batch."""
    # The kernels that a GPU supports.
    config = tiny(mixed_precision=request.param, kernels="tensorflow")
    images, labels = next(iter(batches_of(config)))
    return Trainer(config, tf.distribute.get_strategy()), images, labels


def fits(kernel, node):
    """Returns whether a kernel supports the types of a node."""
    return all(
        node.attr[each.name].type in each.allowed_values.list.type
        for each in kernel.constraint
        if each.name in node.attr and each.allowed_values.list.type
    )


def kernels_for(node, device):
    found = kernels.get_registered_kernels_for_op(node.op).kernel
    # A kernel of the default device belongs to every device.
    wanted = {device, "DEFAULT"}
    return [k for k in found if k.device_type in wanted and fits(k, node)]


def test_every_operation_of_the_update_has_a_gpu_kernel(trained):
    trainer, *batch = trained
    registered = kernels.get_registered_kernels_for_op("Conv2D").kernel
    if not any(kernel.device_type == "GPU" for kernel in registered):
        pytest.skip("the installed TensorFlow registers no GPU kernels")
    function = tf.function(trainer._replica_step)
    graph = function.get_concrete_function(*batch).graph
    step = [node for node in nodes(graph) if node.op not in NO_KERNEL]
    operations = {node.op for node in step}
    assert {"Conv2DBackpropFilter", "ResourceApplyMomentum"} <= operations
    assert [node.op for node in step if not kernels_for(node, "GPU")] == []
    # The graph does not pin it to the CPU by name either.
    assert {node.device for node in step} == {""}


def test_a_call_never_returns_to_python(tiny):
    config = tiny(kernels="tensorflow")
    trainer = Trainer(config, tf.distribute.get_strategy())
    graph = trainer.prepare(iter(batches_of(config)))
    operations = {node.op for node in nodes(graph)}
    assert "Conv2DBackpropInput" in operations and "StatelessWhile" not in operations
    assert not operations & LEAVES


def test_xla_compiles_the_whole_update(tiny):
    config = tiny(jit_compile=True)
    images, labels = next(iter(batches_of(config)))
    trainer = Trainer(config, tf.distribute.get_strategy())
    text = trainer._replica_step.experimental_get_compiler_ir(images, labels)("hlo")
    # At least each convolution and its two gradients, except the gradient of the
    # images.
    kernels_of_4 = [v for v in trainer.model.trainable_variables if len(v.shape) == 4]
    assert text.count(" convolution(") >= 3 * len(kernels_of_4) - 1
    assert "infeed" not in text and "send(" not in text and "callback" not in text


def test_gpu_memory_grows_on_demand(monkeypatch):
    grown = []
    config = tf.config
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    monkeypatch.setattr(
        config.experimental, "set_memory_growth", lambda *call: grown.append(call)
    )
    startup.import_tensorflow()
    assert grown == [("GPU:0", True)]

    def late(*call):
        raise RuntimeError(
            "Physical devices cannot be modified after being initialized"
        )

    monkeypatch.setattr(config.experimental, "set_memory_growth", late)
    startup.import_tensorflow()
