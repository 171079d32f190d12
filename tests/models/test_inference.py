"""Networks rewritten for inference return the same logits with fewer operations."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_model, optimize_for_inference
from resnet_tf.layers import BatchNorm, Block
from tests.models.counts import count

# Networks like one that the default run checks, but deeper or with a wider stem.
DEEP = (
    *("resnet32", "resnet44", "resnet56", "resnet110", "preact164"),
    *("densenet40_k12_stem24", "densenet_bc100_k12"),
)
# The registered networks with fewer than two million parameters.
NAMES = (
    *("resnet20", "densenet40_k12", "densenet_bc40_k36"),
    *("uva_googlenet", "uva_resnet", "uva_preact", "uva_densenet"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in DEEP),
)
# Networks that return their features as well, so that one copy serves all tests.
FEATURED = ("uva_googlenet", "pre_b", "dropout")
SHORT = {"num_residual_blocks": 2}
CONFIGS = {
    "pre": ModelConfig(**SHORT, order="pre"),
    "pre_b": ModelConfig(**SHORT, order="pre", shortcut="B"),
    "pre_none": ModelConfig(**SHORT, order="pre", shortcut="none"),
    "post_b": ModelConfig(**SHORT, order="post", shortcut="B"),
    "post_none": ModelConfig(**SHORT, order="post", shortcut="none"),
    "torch": ModelConfig(**SHORT, shortcut="B", stride_padding="both"),
    "bottleneck": ModelConfig(**SHORT, order="pre", bottleneck=True, shortcut="B"),
    "batch": ModelConfig(**SHORT, order="pre", bn_eval="batch"),
    "gelu": ModelConfig(model="uva_resnet", activation="gelu"),
    "leakyrelu": ModelConfig(model="uva_preact", activation="leakyrelu"),
    "memory_efficient": ModelConfig(
        model="densenet", depth=16, bottleneck=True, memory_efficient=True
    ),
    "resnet20_pre": ModelConfig(num_residual_blocks=3, order="pre"),
    "dropout": ModelConfig(model="densenet", depth=10, dropout_rate=0.5),
}


def trained(network, **options):
    """Returns a network whose batch norms differ much from their initial state."""
    keras.utils.set_random_seed(0)
    model = build_model(network, **options)
    random = np.random.default_rng(1)
    draw = {
        "gamma": lambda shape: random.uniform(0.5, 1.5, shape) * random_sign(shape),
        "beta": lambda shape: random.normal(0, 0.3, shape),
        "moving_mean": lambda shape: random.normal(0, 0.3, shape),
        "moving_variance": lambda shape: random.uniform(0.3, 2, shape),
    }

    def random_sign(shape):
        return random.choice([-1, 1, 1, 1], shape)

    for weight in model.weights:
        kind = weight.path.rsplit("/")[-1]
        if kind in draw:
            weight.assign(draw[kind](weight.shape))
    return model


@functools.cache
def rewritten(name):
    """Returns a network of `NAMES` or `CONFIGS`, and its form for inference."""
    model = trained(CONFIGS.get(name, name), features=name in FEATURED)
    return model, optimize_for_inference(model)


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """Frees the networks after the tests of this file."""
    yield
    rewritten.cache_clear()


def pictures(n=3):
    random = np.random.default_rng(2)
    return tf.constant(random.normal(size=(n, 32, 32, 3)), "float32")


def logits(model, images):
    """Returns logits from a graph, as users compute them."""
    run = tf.function(lambda x: model(x, training=False), autograph=False)
    return only_logits(run(images))


def only_logits(outputs):
    """Returns the logits of a network with or without features, float32 (N, 10)."""
    outputs = outputs["logits"] if isinstance(outputs, dict) else outputs
    return outputs.numpy()


def assert_close(found, expected, share=1e-4):
    """Asserts equality within a share of the largest number."""
    assert found.shape == expected.shape and found.dtype == expected.dtype
    largest = np.abs(expected).max()
    assert largest > 1e-2
    assert np.abs(found - expected).max() <= share * largest


def of_type(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_every_small_network_keeps_its_logits(name):
    model, fast = rewritten(name)
    assert not of_type(fast, (Block, BatchNorm, keras.layers.Identity))
    assert_close(logits(fast, pictures()), only_logits(model(pictures())))


@pytest.mark.parametrize("name", CONFIGS)
def test_orders_shortcuts_and_activations_keep_their_logits(name):
    model, fast = rewritten(name)
    assert not of_type(fast, Block)
    assert_close(logits(fast, pictures()), only_logits(model(pictures())))


# Remaining weights, calculated from the trainable weights at the end of the line: a
# folded batch norm leaves one number per channel instead of two, and no extra bias.
@pytest.mark.parametrize(
    ("network", "weights", "convolutions", "scales"),
    [
        ("resnet20", 269_722 - 688, 19, 0),
        ("resnet20_pre", 269_722 - 352, 19, 9),
        ("densenet40_k12", 1_019_722, 39, 39),  # the stem's map is used twice
        ("densenet_bc40_k36", 1_542_682 - 18 * 144, 39, 21),
        ("uva_preact", 272_250 - 336, 21, 11),
        ("uva_googlenet", 260_650 - 2 * 1_312, 49, 0),
    ],
)
def test_exact_counts(network, weights, convolutions, scales):
    _, fast = rewritten(network)
    assert count(fast.weights) == weights
    assert fast.trainable_weights == []
    depthwise = of_type(fast, keras.layers.DepthwiseConv2D)
    assert len(of_type(fast, keras.layers.Conv2D)) == convolutions
    assert len(depthwise) == scales


def test_folded_numbers():
    model = trained(ModelConfig(num_residual_blocks=1, order="pre"))
    fast = optimize_for_inference(model)
    stem, bn = model.get_layer("stem_conv"), model.get_layer("stem_bn")
    scale = bn.gamma.numpy() / np.sqrt(bn.moving_variance.numpy() + 1e-5)
    folded = fast.get_layer("stem_conv")
    np.testing.assert_allclose(folded.kernel, stem.kernel.numpy() * scale, rtol=1e-5)
    expected = bn.beta.numpy() - bn.moving_mean.numpy() * scale
    np.testing.assert_allclose(folded.bias, expected, rtol=1e-4, atol=1e-6)
    final = model.get_layer("final_bn")
    scale = final.gamma.numpy() / np.sqrt(final.moving_variance.numpy() + 1e-5)
    kernel, _ = fast.get_layer("final_bn").get_weights()
    np.testing.assert_allclose(kernel[0, 0, :, 0], scale, rtol=1e-5)


@pytest.mark.parametrize("name", FEATURED)
def test_features_stay(name):
    model, fast = rewritten(name)
    found, expected = fast(pictures()), model(pictures())
    assert found.keys() == expected.keys() and len(found) >= 5
    for key in expected:
        assert_close(found[key].numpy(), expected[key].numpy())


@pytest.mark.parametrize("name", ["post_b", "memory_efficient"])
def test_bfloat16_is_close(name):
    model, _ = rewritten(name)
    fast = optimize_for_inference(model, dtype="mixed_bfloat16")
    for layer in fast.layers[1:]:
        maps = len(layer.output.shape) == 4
        assert layer.output.dtype == ("bfloat16" if maps else "float32"), layer.name
    expected = model(pictures()).numpy()
    found = logits(fast, pictures())
    assert_close(found, expected, 0.03)
    assert np.abs(found - expected).max() > 0
    back = optimize_for_inference(fast, dtype="float32")
    assert_close(logits(back, pictures()), expected)


@pytest.mark.parametrize(
    "network, folded, left",
    # Folded ReLUs: in ResNet the stem's and the first of each block, in GoogLeNet all.
    # ReLUs after a sum or before a block stay.
    [("resnet20", 10, 9), ("uva_googlenet", 49, 0), ("uva_preact", 9, 11)],
)
def test_a_convolution_takes_the_relu_after_it(network, folded, left):
    _, fast = rewritten(network)
    relus = [
        type(operation).__name__ in ("Relu", "ReLU") for operation in fast.operations
    ]
    taken = [
        operation.activation is keras.activations.relu
        for operation in fast.operations
        if isinstance(operation, keras.layers.Conv2D)
    ]
    assert (sum(taken), sum(relus)) == (folded, left)


def test_a_bfloat16_network_keeps_its_type():
    model = trained(CONFIGS["pre"], dtype="mixed_bfloat16")
    fast = optimize_for_inference(model)
    assert fast.get_layer("stage1_block1_conv1").compute_dtype == "bfloat16"
    assert_close(logits(fast, pictures()), model(pictures()).numpy(), 0.03)


def test_the_original_network_is_unchanged():
    model = trained(CONFIGS["pre_b"])
    before = model.get_config(), model.get_weights(), model(pictures())
    trainable = len(model.trainable_weights)
    fast = optimize_for_inference(model)
    assert model.get_config() == before[0]
    for one, other in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model(pictures()), before[2])
    assert len(model.trainable_weights) == trainable
    start = fast(pictures())
    for weight in model.weights:
        weight.assign(weight + 1.0)
    np.testing.assert_array_equal(fast(pictures()), start)


def test_batch_statistics_stay():
    _, fast = rewritten("batch")
    assert len(of_type(fast, BatchNorm)) == 13
    start = fast.get_weights()
    outputs = fast(pictures(), training=True)
    np.testing.assert_array_equal(outputs, fast(pictures()))
    for one, other in zip(fast.get_weights(), start, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_convolution_with_an_activation_is_unchanged():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    model = keras.Model(inputs, BatchNorm()(x))
    model.layers[-1].beta.assign([1.0, -1.0, 2.0, 0.0])
    images = tf.random.stateless_normal((2, 8, 8, 3), (0, 1))
    fast = optimize_for_inference(model)
    assert_close(fast(images).numpy(), model(images).numpy())


@pytest.mark.parametrize("name", ["pre", "gelu"])
def test_keras_file_round_trip(name, tmp_path):
    _, fast = rewritten(name)
    fast.save(tmp_path / "fast.keras")
    again = keras.models.load_model(tmp_path / "fast.keras")
    np.testing.assert_array_equal(again(pictures()), fast(pictures()))


def test_wrong_models_are_refused():
    with pytest.raises(ValueError, match="model must be functional, received Seq"):
        optimize_for_inference(keras.Sequential(name="plain"))
    with pytest.raises(ValueError, match="'nothing'"):
        optimize_for_inference(build_model(CONFIGS["pre"]), dtype="nothing")
