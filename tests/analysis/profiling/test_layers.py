from collections import Counter

import keras
import pytest

from resnet_tf import ModelConfig, build_model
from resnet_tf.analysis.audit.facts import facts
from resnet_tf.analysis.profiling.layers import Layer, layers
from resnet_tf.models.inference import optimize_for_inference

BF16 = "mixed_bfloat16"


NETWORKS = {
    "resnet8": ModelConfig(num_residual_blocks=1, order="post"),
    "densenet_bc22": ModelConfig(
        model="densenet", depth=22, bottleneck=True, compression=0.5
    ),
    "uva_googlenet": "uva_googlenet",
    "uva_preact": "uva_preact",
    "resnet18": "resnet18",
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_arithmetic_matches_the_audit(network):
    model = build_model(network)
    macs = facts(model).macs
    assert sum(layer.macs for layer in layers(model, 1)) == macs
    assert sum(layer.macs for layer in layers(model, 3)) == 3 * macs


# A network, and the number of its batch norms that cannot be folded: those in a dense
# block and before the head, where no convolution comes before.
FOLDED = [
    (ModelConfig(num_residual_blocks=1, order="post"), 0),
    (ModelConfig(model="densenet", depth=16), 15),
]


@pytest.mark.parametrize(("config", "scales"), FOLDED, ids=["resnet8", "densenet16"])
def test_folding_batch_norm_does_not_change_the_arithmetic(config, scales):
    model = build_model(config, dtype=BF16)
    before, after = layers(model, 1), layers(optimize_for_inference(model), 1)
    kinds = Counter(layer.kind for layer in after)
    assert sum(layer.macs for layer in after) == facts(model).macs
    assert kinds["batch norm"] == 0
    assert kinds["scale"] == scales
    assert sum(layer.bytes for layer in after) < sum(layer.bytes for layer in before)


# Option A: two shortcuts subsample and pad the channels, and two convolutions of stride
# 2 pad both sides; or the shortcuts pool, as in the TF1 original. Then global pooling.
SHORTCUTS = {
    "A-append": ("both", {"slice": 2, "pad": 4, "pool": 1}),
    "A-pool": ("end", {"pad": 2, "pool": 3}),
}


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_the_layers_of_resnet20(shortcut):
    padding, shapes = SHORTCUTS[shortcut]
    model = build_model("resnet20", shortcut=shortcut, stride_padding=padding)
    kinds = Counter(layer.kind for layer in layers(model, 2))
    assert kinds == {"conv": 19, "batch norm": 19, "add": 9, "dense": 1, **shapes}


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), (BF16, 2)])
def test_bytes_by_hand(dtype, size):
    found = layers(build_model("resnet20", dtype=dtype), 8)
    stage = 32 * 32 * 16
    assert found[:3] == [
        Layer(
            kind="conv",
            detail="3x3 3->16",
            shape=(32, 32, 16),
            macs=8 * stage * 27,
            bytes=size * (8 * 32 * 32 * 3 + 27 * 16 + 8 * stage),
        ),
        # Gamma, beta, mean and variance are float32; the ReLU makes no own pass.
        Layer("batch norm", "", (32, 32, 16), 0, size * 2 * 8 * stage + 4 * 4 * 16),
        Layer(
            "conv",
            "3x3 16->16",
            (32, 32, 16),
            8 * stage * 144,
            size * (2 * 8 * stage + 144 * 16),
        ),
    ]
    assert found[6] == Layer("add", "", (32, 32, 16), 0, size * 3 * 8 * stage)
    # The head is float32 in both cases.
    assert found[-2:] == [
        Layer("pool", "", (64,), 0, 4 * 8 * (64 * 64 + 64)),
        Layer("dense", "64->10", (10,), 8 * 640, 4 * (8 * 64 + 640 + 8 * 10)),
    ]


def test_operations_with_and_without_an_own_pass():
    images = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 1, use_bias=True)(images)
    x = keras.layers.Activation("tanh")(x)
    x = keras.layers.MaxPooling2D(3, 1, padding="same")(x)
    x = keras.layers.Concatenate()([x, images])
    x = keras.layers.DepthwiseConv2D(1)(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = x[:, ::2, ::2]
    found = layers(keras.Model(images, keras.layers.Flatten()(x)), 1)
    assert [(x.kind, x.detail, x.macs, x.bytes) for x in found] == [
        ("conv", "1x1 4->4", 64 * 16, 4 * (2 * 256 + 16)),
        ("pool", "", 0, 4 * 2 * 256),
        ("concat", "", 0, 4 * 2 * 512),
        ("scale", "", 0, 4 * (2 * 512 + 8)),
        ("conv", "3x3 8->1", 64 * 8 * 9, 4 * (2 * 512 + 72)),
        ("slice", "", 0, 4 * (512 + 128)),
    ]


def test_an_unsupported_operation_is_refused():
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Conv2DTranspose(2, 3)(images))
    with pytest.raises(ValueError, match="Conv2DBackpropInput"):
        layers(model, 1)
