import pytest

from resnet_tf.analysis.audit.differences import differences
from resnet_tf.analysis.audit.weight_owners import Owner


def conv(size, inputs, outputs, bias=False):
    return Owner("conv", ((size, size, inputs, outputs),), ((outputs,),) * bias)


def norm(channels, weights=2):
    return Owner("batch_norm", (), ((channels,),) * weights)


def dense(inputs, outputs):
    return Owner("dense", ((inputs, outputs),), ((outputs,),))


BASE = [conv(3, 3, 16), norm(16), conv(3, 16, 32), norm(32), dense(32, 10)]

# Tested both ways: the surplus of the larger network, and what the smaller one lacks.
CASES = {
    "projection": (
        [conv(1, 16, 32), norm(32)],
        "+576 = projections at one transition (1x1 kernels 16->32: 512, their batch "
        "norms: 64)",
        "-576 = projections missing at one transition (1x1 kernels 16->32: 512, "
        "their batch norms: 64)",
    ),
    "projection with a bias": (
        [conv(1, 16, 32, bias=True)],
        "+544 = projections at one transition (1x1 kernels 16->32: 512, their "
        "biases: 32)",
        "-544 = projections missing at one transition (1x1 kernels 16->32: 512, "
        "their biases: 32)",
    ),
    "projection and another batch norm": (
        [conv(1, 16, 16), norm(16), norm(16)],
        "+288 = projections at one shortcut (1x1 kernels 16->16: 256, their batch "
        "norms: 32); +32 = one more batch norm (16 channels)",
        "-288 = projections missing at one shortcut (1x1 kernels 16->16: 256, their "
        "batch norms: 32); -32 = one batch norm missing (16 channels)",
    ),
    "convolution": (
        [conv(3, 32, 32, bias=True)],
        "+9,216 = one more convolution (3x3 32->32); +32 = biases of one convolution",
        "-9,216 = one convolution missing (3x3 32->32); -32 = biases missing in one "
        "convolution",
    ),
    "dense layer": (
        [dense(10, 10)],
        "+110 = one more dense layer (10->10)",
        "-110 = one dense layer missing (10->10)",
    ),
    "other weights": (
        [Owner("other", (), ((16,),))],
        "+16 = one more other layer (16 numbers)",
        "-16 = one other layer missing (16 numbers)",
    ),
    "many kinds": (
        [norm(channels) for channels in (8, 9, 10, 11)],
        "+76 = four more batch norms (8 channels, 9 channels, 10 channels ...)",
        "-76 = four batch norms missing (8 channels, 9 channels, 10 channels ...)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_surplus_and_missing_weights(name):
    surplus, more, less = CASES[name]
    assert "; ".join(differences(BASE + surplus, BASE)) == more
    assert "; ".join(differences(BASE, BASE + surplus)) == less


def test_the_same_shapes_in_another_order():
    assert differences(BASE, BASE[::-1]) == []


def test_one_layer_instead_of_another():
    own = [conv(5, 3, 16), norm(16, weights=1), *BASE[2:-1], dense(32, 100)]
    assert differences(own, BASE) == [
        "+768 = one convolution (5x5 3->16) instead of one convolution (3x3 3->16)",
        "-16 = one batch norm (16 channels with gamma or beta alone) instead of one "
        "batch norm (16 channels)",
        "+2,970 = one dense layer (32->100) instead of one dense layer (32->10)",
    ]


def test_a_bottleneck_is_not_a_projection():
    own = [*BASE, conv(1, 32, 8), conv(3, 8, 8)]
    assert differences(own, BASE) == [
        "+832 = two more convolutions (1x1 32->8 and 3x3 8->8)"
    ]


def test_a_separable_convolution_has_two_kernels_and_one_bias():
    kernels = ((3, 3, 16, 1), (1, 1, 16, 32))
    assert differences([*BASE, Owner("conv", kernels, ((32,),))], BASE) == [
        "+656 = two more convolutions (3x3 16->1 and 1x1 16->32)",
        "+32 = biases of one convolution",
    ]
